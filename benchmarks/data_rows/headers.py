"""Headers of the raw spend files: the share of columns whose field is proposed right, without any help."""

from forecast_rows.plan import Found, Plan, attempt
from harness import Row

from .truth import Truth, records_of, spend_contract, truths_here

SEVERAL = "several candidates"
SAMPLE = 200  # records below the header that the mapping sees
MAPPING = {
    "right": Plan("columns that have a field: right without help", ">= 0.95", "share", ""),
    "wrong": Plan("columns taken unasked that are wrong", "= 0", "columns", ""),
}


def mapping_found(truths: list[Truth]) -> dict[str, Found]:
    """The share of columns whose field is proposed, and the columns that would be taken unasked and are wrong."""
    from finlab.data.mapping import ACCEPT, propose

    right, total, taken, wrong, below = 0, 0, 0, [], 0
    several = sum(note == SEVERAL for truth in truths for note in truth.notes)
    contract = spend_contract()
    for truth in truths:
        records = records_of(truth.path)
        header = records[truth.header - 1][: len(truth.fields)]
        proposals = propose(header, records[truth.header : truth.header + SAMPLE], contract).proposals
        for field, each in zip(truth.fields, proposals, strict=True):
            total += field is not None
            right += field is not None and each.field == field
            sure = each.field is not None and each.confidence >= ACCEPT
            taken += sure
            if each.field is not None and each.field != field:
                wrong += [f"{truth.path.name} {each.column!r} as {each.field}"] if sure else []
                below += not sure
    note = f"{right} of {total}; of {several} columns several candidates would do, the truth names one"
    told = "; ".join(
        [f"{taken} taken at confidence {ACCEPT} or more; wrong among those that are asked: {below}", *wrong]
    )
    return {"right": Found(right / total, total, 1, note), "wrong": Found(len(wrong), taken, 1, told)}


def mapping_rows() -> list[Row]:
    return attempt(MAPPING, lambda: mapping_found(truths_here()))
