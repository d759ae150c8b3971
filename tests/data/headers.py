"""Headers as ledgers, banks and shops write them, with the field that each column is: written by hand, not from files."""

from typing import NamedTuple

from finlab.data.contracts import Contract, Field

SALES = Contract(
    "sales",
    [
        Field("invoice_number", required=True, title="number of the invoice"),
        Field("invoice_date", "date", required=True, title="day of the invoice"),
        Field("due_date", "date", title="day by which it is to be paid"),
        Field("customer_number", title="number of the customer"),
        Field("customer", title="name of the customer"),
        Field("product_code", title="code of the product"),
        Field("description", title="what was sold"),
        Field("quantity", "number"),
        Field("unit_price", "decimal"),
        Field("net_amount", "decimal", title="amount without VAT"),
        Field("vat_amount", "decimal", title="value added tax"),
        Field("gross_amount", "decimal", title="amount with VAT"),
        Field("currency", title="currency of the invoice"),
        Field("country", title="country of the customer"),
    ],
)
BANK = Contract(
    "bank",
    [
        Field("booking_date", "date", required=True),
        Field("value_date", "date"),
        Field("counterparty", title="who pays or is paid"),
        Field("iban", title="account of the counterparty"),
        Field("purpose", title="text of the payment"),
        Field("debit", "decimal", title="money out"),
        Field("credit", "decimal", title="money in"),
        Field("amount", "decimal"),
        Field("balance", "decimal", title="balance after the booking"),
        Field("currency"),
        Field("transaction_id"),
    ],
)
TRIAL = Contract(
    "trial_balance",
    [
        Field("account_number", required=True),
        Field("account_name", required=True),
        Field("opening_balance", "decimal"),
        Field("debit", "decimal"),
        Field("credit", "decimal"),
        Field("closing_balance", "decimal"),
    ],
)
JOURNAL = Contract(
    "journal",
    [
        Field("posting_date", "date", required=True),
        Field("document_date", "date"),
        Field("document_number", required=True),
        Field("account", required=True, title="number of the account"),
        Field("cost_centre"),
        Field("text", title="text of the posting"),
        Field("amount", "decimal", required=True),
        Field("currency"),
        Field("user", title="who posted it"),
        Field("supplier"),
    ],
)


class Example(NamedTuple):
    """A header, the field of each column (None: no field), and rows of texts."""

    contract: Contract
    header: list[str]
    fields: list[str | None]
    rows: list[list[str]]


def _example(contract: Contract, columns: str, *rows: str) -> Example:
    """Read `header = field; header; ...` and rows of cells between bars."""
    pairs = [column.partition("=")[::2] for column in columns.split("; ")]
    header = [name.strip() for name, _ in pairs]
    fields = [field.strip() or None for _, field in pairs]
    return Example(contract, header, fields, [[cell.strip() for cell in row.split("|")] for row in rows])


EXAMPLES = [
    _example(
        SALES,
        "InvoiceNo = invoice_number; StockCode = product_code; Description = description; Quantity = quantity; "
        "InvoiceDate = invoice_date; UnitPrice = unit_price; CustomerID = customer_number; Country = country",
        "536365|85123A|WHITE HANGING HEART|6|2010-12-01 08:26:00|2.55|17850|United Kingdom",
        "536366|22633|HAND WARMER|12|2010-12-01 08:28:00|1.85|17850|France",
    ),
    _example(
        SALES,
        "Inv No = invoice_number; Inv Date = invoice_date; Due = due_date; Cust = customer; Qty = quantity; "
        "Price = unit_price; Net = net_amount; VAT = vat_amount; Gross = gross_amount; Ccy = currency",
        "SI-1|01/02/2026|03/03/2026|Mia's Tea|3|10.00|30.00|6.00|36.00|GBP",
        "SI-2|11/02/2026|13/03/2026|North Rail|1|5.50|5.50|1.10|6.60|GBP",
    ),
    _example(
        SALES,
        "Rechnungsnr. = invoice_number; Rechnungsdatum = invoice_date; Fälligkeit = due_date; Kundennr = "
        "customer_number; Kunde = customer; Artikelnummer = product_code; Bezeichnung = description; Menge = quantity; "
        "Einzelpreis = unit_price; Nettobetrag = net_amount; MwSt = vat_amount; Bruttobetrag = gross_amount; "
        "Währung = currency; Land = country",
        "R-77|03.02.2026|05.03.2026|10023|Teehaus Nord|A-9|Grüner Tee|4|12,50|50,00|9,50|59,50|EUR|DE",
        "R-78|04.02.2026|06.03.2026|10044|Bahnhof West|A-7|Kaffee|1|8,00|8,00|1,52|9,52|EUR|AT",
    ),
    _example(
        SALES,
        "发票号码 = invoice_number; 开票日期 = invoice_date; 客户名称 = customer; 商品编码 = product_code; 数量 = quantity; "
        "单价 = unit_price; 不含税金额 = net_amount; 税额 = vat_amount; 价税合计 = gross_amount; 币种 = currency; 备注 = description",
        "04412|2026-02-03|北方茶行|C-19|2|50.00|100.00|13.00|113.00|CNY|绿茶",
        "04413|2026-02-05|西站餐饮|C-20|1|80.00|80.00|10.40|90.40|CNY|咖啡",
    ),
    _example(
        SALES,
        "invoice_id = invoice_number; issued_on = invoice_date; client_name = customer; client_id = customer_number; "
        "amount_excl_vat = net_amount; vat = vat_amount; amount_incl_vat = gross_amount; sales_person; vat_rate",
        "991|2026-01-05|Mia's Tea|77|100.00|20.00|120.00|Ann Lee|20%",
        "992|2026-01-06|North Rail|78|10.00|2.00|12.00|Bo Berg|20%",
    ),
    _example(
        SALES,
        "Doc Ref = invoice_number; Tax Point Date = invoice_date; Customer Name = customer; Customer Type; "
        "Sub-total (net) = net_amount; VAT Â£ = vat_amount; Total inc VAT Â£ = gross_amount; VAT Reg No",
        "17|05/01/2026|Mia's Tea|Trade|100.00|20.00|120.00|GB123456789",
        "18|06/01/2026|North Rail|Public|10.00|2.00|12.00|GB987654321",
    ),
    _example(
        BANK,
        "Buchungstag = booking_date; Valuta = value_date; Auftraggeber / Empfänger = counterparty; IBAN = iban; "
        "Verwendungszweck = purpose; Betrag = amount; Saldo = balance; Währung = currency",
        "03.02.2026|04.02.2026|Teehaus Nord GmbH|DE89370400440532013000|Rechnung R-77|-59,50|1.940,50|EUR",
        "05.02.2026|05.02.2026|Bahnhof West|DE02120300000000202051|Miete Februar|850,00|2.790,50|EUR",
    ),
    _example(
        BANK,
        "Date = booking_date; Details = purpose; Paid out = debit; Paid in = credit; Balance = balance",
        "03 Feb 2026|TESCO STORES 2041|12.40||1,840.10",
        "04 Feb 2026|SALARY ACME||2,100.00|3,940.10",
    ),
    _example(
        BANK,
        "trans_id = transaction_id; account_id; date = booking_date; type; operation; amount = amount; "
        "balance = balance; k_symbol; bank; account",
        "695247|2378|930101|PRIJEM|VKLAD|700.00|700.00|||",
        "171812|576|930101|PRIJEM|VKLAD|900.00|900.00||AB|41403269",
    ),
    _example(
        BANK,
        "Transaction Date = booking_date; Value Date = value_date; Narrative = purpose; Debit Amount = debit; "
        "Credit Amount = credit; Running Balance = balance; Txn Ref = transaction_id; Transaction Type",
        "03/02/2026|03/02/2026|CARD PAYMENT TO CAFE|4.20||995.80|FT2603|DEB",
        "04/02/2026|05/02/2026|TRANSFER FROM A LEE||50.00|1045.80|FT2604|FPI",
    ),
    _example(
        BANK,
        "交易日期 = booking_date; 摘要 = purpose; 借方金额 = debit; 贷方金额 = credit; 余额 = balance; 对方户名 = counterparty; "
        "交易流水号 = transaction_id",
        "20260203|货款|100.00||900.00|北方茶行|2026020300017",
        "20260204|工资||5000.00|5900.00|某某公司|2026020400231",
    ),
    _example(
        TRIAL,
        "Acct = account_number; Account Name = account_name; Opening Bal = opening_balance; Dr = debit; Cr = credit; "
        "Closing Bal = closing_balance",
        "1000|Cash at bank|1,000.00|250.00|100.00|1,150.00",
        "4000|Sales|0.00|0.00|2,300.00|-2,300.00",
    ),
    _example(
        TRIAL,
        "Konto = account_number; Kontobezeichnung = account_name; Anfangssaldo = opening_balance; Soll = debit; "
        "Haben = credit; Endsaldo = closing_balance",
        "1200|Bank|1.000,00|250,00|100,00|1.150,00",
        "8400|Erlöse 19%|0,00|0,00|2.300,00|-2.300,00",
    ),
    _example(
        TRIAL,
        "科目编码 = account_number; 科目名称 = account_name; 期初余额 = opening_balance; 借方发生额 = debit; 贷方发生额 = credit; "
        "期末余额 = closing_balance",
        "1002|银行存款|1000.00|250.00|100.00|1150.00",
        "6001|主营业务收入|0.00|0.00|2300.00|-2300.00",
    ),
    _example(
        JOURNAL,
        "PostingDate = posting_date; DocDate = document_date; DocNo = document_number; GLAccount = account; "
        "CostCenter = cost_centre; LineText = text; AmtLocalCcy = amount; Curr = currency; UserName = user; VendorName = supplier; "
        "Fiscal Year; Doc Type",
        "2026-02-03|2026-02-01|5100001|610000|CC100|Office rent|850.00|EUR|jdoe|Bahnhof West|2026|KR",
        "2026-02-04|2026-02-04|5100002|160000|CC200|Tea|-59.50|EUR|alee|Teehaus Nord|2026|KZ",
    ),
    _example(
        JOURNAL,
        "Buchungsdatum = posting_date; Belegdatum = document_date; Belegnummer = document_number; Sachkonto = account; "
        "Kostenstelle = cost_centre; Buchungstext = text; Betrag in EUR = amount; Benutzer = user; Steuerschlüssel",
        "03.02.2026|01.02.2026|5100001|4210|100|Miete Februar|850,00|mueller|V19",
        "04.02.2026|04.02.2026|5100002|4650|200|Tee|59,50|schmidt|V7",
    ),
    _example(
        JOURNAL,
        "凭证日期 = document_date; 凭证号 = document_number; 科目 = account; 摘要 = text; 金额 = amount; 制单人 = user; 供应商 = supplier",
        "2026-02-03|记-17|6602|办公租金|850.00|李雷|西站物业",
        "2026-02-04|记-18|6602|茶叶|59.50|韩梅|北方茶行",
    ),
    _example(
        JOURNAL,
        "Entry Date = posting_date; Voucher = document_number; Ledger Account = account; Amount = amount; Amount; Memo = text",
        "03/02/2026|V1|6100|850.00|850.00|Rent",
        "04/02/2026|V2|6200|59.50|59.50|Tea",
    ),
    _example(
        JOURNAL,
        "= posting_date; ; = amount; ",
        "03/02/2026|Rent|850.00|x",
        "04/02/2026|Tea|59.50|",
    ),
    _example(
        BANK,
        "Data = booking_date; Popis; Částka = amount; Zůstatek; Měna",
        "03.02.2026|Nájem|-850,00|1 940,50|CZK",
        "04.02.2026|Čaj|-59,50|1 881,00|CZK",
    ),
]
