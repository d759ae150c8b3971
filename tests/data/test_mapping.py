"""Mapping: the columns of unknown headers find their fields, and what is uncertain is asked."""

import csv
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.contracts import Contract
from finlab.data.fields import Field
from finlab.data.header_languages import LANGUAGES
from finlab.data.header_words import header_words, name_likeness, read_phrase, repair_encoding
from finlab.data.mapping import ACCEPT, CHOSEN, Mapping, contract_with, propose
from finlab.data.value_evidence import evidence, reads_as, values_of

SPEND = Contract(
    "spend",
    [
        Field("department", title="department that pays"),
        Field("entity", title="body that pays"),
        Field("date", "date", title="day of payment"),
        Field("expense_type", title="kind of expense"),
        Field("expense_area", title="area of the expense"),
        Field("supplier", title="who is paid", required=True),
        Field("transaction_number", title="number of the transaction"),
        Field("amount", "decimal", title="amount paid", required=True),
        Field("description", title="what for"),
        Field("supplier_postcode", title="postcode of the supplier"),
        Field("project_code", title="code of the project"),
        Field("expenditure_type", title="type of the expenditure"),
        Field("contract_number", title="number of the contract"),
        Field("supplier_type", title="type of the supplier"),
        Field("vat_number", title="VAT number of the supplier"),
    ],
)
WRITTEN = tomllib.loads(Path(__file__).with_name("headers.toml").read_text(encoding="utf-8"))


def _records(path: Path) -> list[list[str]]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    return list(csv.reader(text.splitlines()))


def test_every_field_of_31_public_spend_files_is_found_and_nothing_wrong_is_taken(testdata):
    folder = testdata / "ukspend"
    truth = defaultdict(list)
    with (folder / "header_truth.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            truth[row["file"]].append(row)
    right, total, wrong, sure = 0, 0, [], []
    for name, rows in truth.items():
        records, place = _records(folder / name), int(rows[0]["header_record"])
        mapping = propose(records[place - 1][: len(rows)], records[place : place + 200], SPEND)
        for row, found in zip(rows, mapping.proposals, strict=True):
            total += bool(row["field"])
            correct = found.field == (row["field"] or None)
            right += bool(row["field"]) and correct
            if found.field is not None:
                (sure if correct else wrong).append(found.confidence)
    assert total == 312 and right >= 311
    assert max(wrong, default=0.0) < ACCEPT - 0.2
    assert sum(each >= ACCEPT for each in sure) / len(sure) > 0.95


def test_headers_of_ledgers_and_banks_in_three_languages_are_found_and_nothing_wrong_is_taken():
    right, total, wrong = 0, 0, []
    for example in WRITTEN["examples"]:
        contract = Contract.from_toml(_toml(WRITTEN["contracts"][example["contract"]]))
        header = [column["header"] for column in example["columns"]]
        for column, found in zip(example["columns"], propose(header, example["rows"], contract).proposals, strict=True):
            total += "field" in column
            right += "field" in column and column["field"] == found.field
            if found.field is not None and found.field != column.get("field"):
                wrong.append((found.confidence, found.column, found.field))
    assert total == 284 and right >= 0.95 * total
    assert [each for each in wrong if each[0] >= ACCEPT] == []


def _toml(document: dict) -> str:
    import tomli_w

    return tomli_w.dumps(document)


LEDGER = Contract(
    "ledger",
    [
        Field("invoice_date", "date", required=True),
        Field("payment_date", "date"),
        Field("supplier", required=True),
        Field("net", "decimal"),
        Field("vat", "decimal"),
        Field("gross", "decimal", required=True),
        Field("balance", "decimal"),
        Field("debit", "decimal"),
        Field("credit", "decimal"),
        Field("currency"),
        Field("iban"),
        Field("invoice_number"),
    ],
)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Inv No", "invoice_number"),
        ("InvoiceNumber", "invoice_number"),
        ("INVOICE_NUM", "invoice_number"),
        ("Rechnungsnr.", "invoice_number"),
        ("发票号码", "invoice_number"),
        ("Date of invoice", "invoice_date"),
        ("Inv. Dt", "invoice_date"),
        ("Date paid", "payment_date"),
        ("Zahlungsdatum", "payment_date"),
        ("Vendor Name", "supplier"),
        ("Lieferant", "supplier"),
        ("供应商名称", "supplier"),
        ("Supplier Type", None),
        ("Supplier Postcode", None),
        ("Amount excl. VAT", "net"),
        ("Nettobetrag", "net"),
        ("Amount incl. VAT", "gross"),
        ("VAT Â£", "vat"),
        ("VAT rate", None),
        ("Dr", "debit"),
        ("Credit Amount", "credit"),
        ("Closing Balance", "balance"),
        ("Ccy", "currency"),
        ("Customer", None),
        ("", None),
        ("???", None),
        ("x" * 5000, None),
    ],
)
def test_a_header_alone_finds_its_field_or_none(header, field):
    assert propose([header], [], LEDGER).proposals[0].field == field


def test_values_lower_a_confidence_that_they_contradict_and_raise_one_that_they_confirm():
    plain, confirmed, denied = (
        propose(["Date settled"], rows, SPEND).proposals[0].confidence
        for rows in ([], [["31/03/2026"]] * 5, [["Mia's Tea"]] * 5)
    )
    assert denied < ACCEPT <= plain < confirmed


def test_two_columns_of_one_meaning_are_asked_and_an_exact_name_beats_a_synonym():
    twice = propose(["Amount", "amount"], [["1.00", "1.00"]], SPEND)
    assert not twice.accepted() and len(twice.asked()) == 1 and len(twice.left()) == 1
    named = propose(["Value", "Amount"], [["1.00", "1.00"]], SPEND)
    assert [each.column for each in named.proposals if each.field == "amount"] == ["Amount"]


def test_without_a_header_nothing_is_taken_unasked():
    mapping = propose(["", "", ""], [["Mia", "02/03/2026", "£5.00"]] * 3, SPEND)
    assert [each.field for each in mapping.proposals] == [None, "date", "amount"]
    assert not mapping.accepted() and mapping.missing() == ["supplier"]


def test_an_alias_is_certain_whatever_the_values_say_but_not_when_it_comes_twice():
    contract = Contract("c", [Field("amount", "decimal", aliases=["Ｗert X"]), Field("date", "date")])
    assert propose(["wert  x"], [["words"]], contract).proposals[0].confidence == 1
    twice = propose(["Wert X", "Wert X"], [], contract)
    assert [each.confidence for each in twice.proposals] == [0.5, 0.0]


def test_limits_of_a_field_are_evidence():
    contract = Contract("c", [Field("kind", one_of=["red", "blue"]), Field("code", pattern="[A-Z]{2}[0-9]{3}")])
    mapping = propose(["", ""], [["AB123", "red"], ["CD456", "blue"]], contract)
    assert [each.field for each in mapping.proposals] == ["code", "kind"]


def test_a_pattern_that_would_hang_pythons_regular_expressions_does_not():
    field = Field("x", pattern="(a+)+b")
    assert evidence(["a" * 400], field, "").share == 0


def test_a_choice_is_certain_and_takes_the_field_from_another_column():
    mapping = propose(["Amount", "Value", "Value"], [["1.00", "2.00", "x"]], SPEND)
    chosen = mapping.with_choice(1, "amount")
    assert [each.field for each in chosen.proposals] == [None, "amount", None]
    assert chosen.proposals[1].confidence == 1 and chosen.proposals[1].reason == CHOSEN
    assert chosen.with_choice("Amount", "amount").proposals[0].field == "amount"
    assert chosen.with_choice(1, None).proposals[1].field is None
    for column, field, said in [
        ("Value", "amount", "2 times"),
        ("Amonut", "amount", "did you mean 'Amount'"),
        (3, "amount", "at most 2"),
        (-1, "amount", "at least 0"),
        (0, "amonut", "did you mean 'amount'"),
    ]:
        with pytest.raises(InputError) as caught:
            mapping.with_choice(column, field)
        assert said in str(caught.value)


def test_accepted_headers_become_aliases_and_are_known_the_next_time():
    header = ["Vendor", "Sum of it", "", "Date", "Note", "Note"]
    mapping = propose(header, [], SPEND).with_choice(1, "amount").with_choice(2, "entity").with_choice(4, "description")
    learned = contract_with(SPEND, mapping)
    assert learned.field("supplier").aliases == ("Vendor",) and learned.field("amount").aliases == ("Sum of it",)
    assert not learned.field("entity").aliases and not learned.field("description").aliases
    assert contract_with(learned, propose(header, [], learned)) == learned
    assert Contract.from_toml(learned.to_toml()) == learned
    with pytest.raises(InputError, match="a mapping of the contract 'ledger'"):
        contract_with(LEDGER, mapping)


def test_a_header_that_already_belongs_to_another_field_does_not_become_an_alias():
    mapping = propose(["Description"], [], SPEND).with_choice(0, "entity")
    assert contract_with(SPEND, mapping) == SPEND


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("contract = ", "contrat = "), "did you mean 'contract'"),
        (("position = 1", "position = 7"), "position = 1"),
        (('field = "amount"', 'field = "amonut"'), "did you mean 'amount'"),
        (('field = "amount"', 'field = "supplier"'), "one column at most"),
        (("confidence = ", "confidence = 7 #"), "at most 1"),
        (("confidence = ", 'confidence = "x" #'), "a finite number"),
        (("reason = ", "reson = "), "did you mean 'reason'"),
        (("[[columns]]", "[[colums]]"), "columns"),
        (("[[columns]]", "]"), "no TOML"),
    ],
)
def test_a_file_of_a_mapping_with_a_wrong_part_is_refused(change, said):
    text = propose(["Vendor", "Amount"], [], SPEND).to_toml()
    assert Mapping.from_toml(text) == propose(["Vendor", "Amount"], [], SPEND) and change[0] in text
    with pytest.raises(InputError) as caught:
        Mapping.from_toml(text.replace(*change))
    assert said in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_header_and_any_cells_give_one_proposal_a_column_and_a_field_at_most_once(data):
    words = st.text(max_size=12) | st.sampled_from(["Amount", "Date", "Supplier", "金额", "Betrag"]) | st.none()
    header = data.draw(st.lists(words, min_size=1, max_size=6))
    rows = data.draw(st.lists(st.lists(words, max_size=8), max_size=4))
    mapping = propose(header, rows, SPEND)
    fields = [each.field for each in mapping.proposals if each.field is not None]
    assert [each.column for each in mapping.proposals] == [name or "" for name in header]
    assert len(set(fields)) == len(fields) and all(0 <= each.confidence <= 1 for each in mapping.proposals)
    assert len(mapping.accepted()) + len(mapping.asked()) + len(mapping.left()) == len(header)
    assert str(mapping) and "<table>" in mapping._repr_html_()
    if all("\0" not in (name or "") and (name or "").isprintable() for name in header):
        assert Mapping.from_toml(mapping.to_toml()) == mapping


def test_an_empty_header_and_a_sample_that_is_no_rows_are_refused():
    for header, sample in [([], []), (["a"] * 5001, [])]:
        with pytest.raises(InputError):
            propose(header, sample, SPEND)


def test_texts_of_a_file_do_not_become_html():
    assert "<script>" not in propose(["<script>"], [], SPEND)._repr_html_()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("TxnNo.", ("txn", "no")),
        ("GLAccountNumber", ("gl", "account", "number")),
        ("Umsatzsteuer-Nr", ("umsatzsteuer", "nr")),
        ("Kontobezeichnung", ("konto", "bezeichnung")),
        ("不含税金额", ("不含税", "金额")),
        ("Amount Â£", ("amount",)),
        ("BetrÃ¤ge", ("betraege",)),
        ("Ｄａｔｅ", ("date",)),
        ("", ()),
        ("£ %", ()),
    ],
)
def test_a_header_is_cut_into_words(header, words):
    assert header_words(header) == words


def test_likeness_is_one_for_the_same_words_and_little_for_other_kinds():
    assert name_likeness("Expense Type", "expense_type") == 1 > name_likeness("Expenditure Type", "expense_type")
    assert name_likeness("Supplier Type", "supplier") < 0.5 < name_likeness("Transation number", "transaction_number")
    assert read_phrase("Value of the contract").kind == "amount" and read_phrase("Amount in currency").kind == "amount"
    assert repair_encoding("Ã¼ber") == "über" and repair_encoding("über") == "über" and repair_encoding("金") == "金"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("1,234.56", "decimal"),
        ("1.234,56 €", "decimal"),
        ("-£5", "decimal"),
        ("(5.00)", "decimal"),
        ("CHF 1'000.00", "decimal"),
        ("12 500,00 Kč", "decimal"),
        ("12.5%", "decimal"),
        ("100-", "decimal"),
        ("31/12/2026", "date"),
        ("12/31/26", "date"),
        ("1 January 2026", "date"),
        ("05-Apr-12", "date"),
        ("08/Dec/2010", "date"),
        ("2026-03-31 10:00:00.5+01:00", "date"),
        ("2026年3月31日", "date"),
        ("930101", "decimal integer date"),
        ("Yes", "boolean"),
        ("0", "decimal integer boolean"),
        ("99/99/2026", ""),
        ("Mia's Tea 5", ""),
        ("", ""),
        ("9" * 61, ""),
    ],
)
def test_a_text_reads_as_the_types_that_it_may_be(text, kinds):
    assert [kind for kind in ("decimal", "integer", "date", "boolean") if reads_as(text, kind)] == kinds.split()


def test_marks_of_missing_values_are_no_values():
    assert values_of(["", None, "  ", "NULL", "a", "a"]) == ["a", "a"]


TRAPS = (
    "VAT Amount", "Tax Amount", "Discount Amount", "Amount Due", "Outstanding Amount", "Budget Amount", "PO Amount",
    "Original Amount", "YTD Amount", "Supplier Contact", "Supplier Size", "Supplier Rating", "Supplier Parent",
    "Department Head", "Due Date", "Order Date", "End Date", "Created Date", "Date of Birth", "Number of Transactions",
    "Customer VAT Number", "Our VAT Number", "Project Manager", "Contract Manager", "Contract Description",
    "Supplier Description", "Supplier Group", "Merchant Category", "No of invoices",
)  # fmt: skip


@pytest.mark.parametrize("header", TRAPS)
def test_a_word_that_changes_the_meaning_is_never_taken_unasked(header: str) -> None:
    values = ["15/01/2024" if "Date" in header else "1,234.50" if "Amount" in header else "X 12"]
    for sample in ([], [values] * 5):
        found = propose([header], sample, SPEND).proposals[0]
        assert found.field is None or found.confidence < ACCEPT, str(found)


ABROAD = {
    "Fournisseur|Date de paiement|Montant TTC|Objet|Code postal|N° de marché|Type de dépense",
    "Proveedor|Fecha de pago|Importe|Concepto|Código postal|Número de contrato|Tipo de gasto",
    "Fornitore|Data pagamento|Importo|Descrizione|Codice postale|Numero contratto|Tipo di spesa",
    "Fornecedor|Data de pagamento|Valor|Descrição||Número do contrato|Tipo de despesa",
    "Leverancier|Betaaldatum|Bedrag|Omschrijving|Postcode|Contractnummer|Soort uitgave",
    "Dostawca|Data płatności|Kwota|Opis|Kod pocztowy|Numer umowy|Rodzaj wydatku",
    "Поставщик|Дата платежа|Сумма|Описание|Почтовый индекс|Номер договора|",
    "支払先|支払日|金額|摘要|郵便番号|契約番号|",
    "거래처|지급일|금액|적요|우편번호|계약번호|",
    "供應商|付款日期|金額|備註|郵遞區號|合約編號|",
}


@pytest.mark.parametrize("headers", sorted(ABROAD))
def test_headers_of_other_languages_are_found(headers: str) -> None:
    fields = ("supplier", "date", "amount", "description", "supplier_postcode", "contract_number", "expense_type")
    names = headers.split("|")
    row = ["Müller", "2024-01-15", "1234.50", "Papier für das Büro", "10115", "V-12", "Miete"]
    found = propose([name for name in names if name], [[v for n, v in zip(names, row, strict=True) if n]] * 4, SPEND)
    wanted = [field for field, name in zip(fields, names, strict=True) if name]
    right = [each.field == field for each, field in zip(found.proposals, wanted, strict=True)]
    assert sum(right) >= len(right) - 1, str(found)
    assert all(
        each.field == field for each, field in zip(found.proposals, wanted, strict=True) if each in found.accepted()
    )


def test_no_word_has_two_meanings_in_the_languages() -> None:
    meanings = defaultdict(set)
    for table in LANGUAGES:
        for line in table.strip().splitlines():
            meaning, words = line.split(": ")
            for word in words.split():
                meanings[header_words(word)].add(meaning)
    assert {words: found for words, found in meanings.items() if len(found) > 1} == {}


def test_a_column_that_is_not_there_is_named_briefly_however_the_others_are_called() -> None:
    names = ["x" * 10_000, *(f"column {place}" for place in range(500))]
    with pytest.raises(
        InputError, match=r"^column is 'colum 7'; expected one of x+[.]{3}, .*did you mean 'column 7'"
    ) as caught:
        propose(names, [], SPEND).with_choice("colum 7", "amount")
    assert len(str(caught.value)) < 2_000
