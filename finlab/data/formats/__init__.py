"""Files in the formats of banks and regulators, read into tables: MT940, CAMT, OFX, SEC company facts, XBRL."""
