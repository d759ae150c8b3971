"""x"""
from data_rows.load import load_rows
from harness import Row, main
def measure(quick: bool) -> list[Row]:
    return load_rows(quick)
if __name__ == "__main__":
    main(measure, ())
