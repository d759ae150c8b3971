"""Array kernels of the gaps rooms: no tables, no store, no clock."""
