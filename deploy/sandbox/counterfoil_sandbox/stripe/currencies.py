"""What Stripe accepts as an amount in each currency, and the rates this sandbox settles at.

Sources: docs.stripe.com/currencies (zero-decimal and special-case currencies, minimum and maximum charge amounts).
Rates are invented constants in US dollars per unit; a currency without one here is refused as not imitated.
"""

from decimal import ROUND_HALF_UP, Decimal

from counterfoil_sandbox.stripe.errors import invalid, not_imitated

ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
WHOLE_UNITS = frozenset(("isk", "ugx"))  # two decimals on the wire, none in life

_CODES = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf
chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg
huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt
mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar
sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd
xof xpf yer zar zmw
"""
_KNOWN = frozenset(_CODES.split())
_DOLLARS = """
usd=1 aed=0.272294 aud=0.651200 bgn=0.554300 bhd=2.652520 brl=0.183100 cad=0.712900 chf=1.131500 clp=0.001054
cny=0.138900 czk=0.043200 dkk=0.145300 eur=1.084300 gbp=1.263400 hkd=0.128500 huf=0.002712 idr=0.000062
ils=0.272600 inr=0.011730 isk=0.007190 jod=1.410400 jpy=0.006698 krw=0.000716 kwd=3.253090 mxn=0.050300
myr=0.224100 nok=0.091400 nzd=0.587300 omr=2.597400 php=0.017230 pln=0.249800 ron=0.217900 sar=0.266500
sek=0.092700 sgd=0.744600 thb=0.029200 tnd=0.319100 try=0.028900 twd=0.030800 ugx=0.000271 vnd=0.000040
zar=0.055400
"""
_RATES = {code: Decimal(value) for code, value in (pair.split("=") for pair in _DOLLARS.split())}
_MINIMUM = {
    "usd": 50, "eur": 50, "gbp": 30, "cad": 50, "aud": 50, "chf": 50, "jpy": 50, "sek": 300, "nok": 300, "dkk": 250,
    "hkd": 400, "mxn": 1000, "pln": 200, "huf": 17500, "sgd": 50, "brl": 50, "inr": 50, "czk": 1500, "ron": 200,
    "nzd": 50, "myr": 200, "thb": 1000, "aed": 200, "bgn": 100,
}  # fmt: skip
_MAXIMUM_DIGITS = {"idr": 12, "inr": 9}
_USUAL_DIGITS = 8


def decimals(currency: str) -> int:
    """Return how many decimals the minor unit of a currency has on Stripe's wire."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def major(amount: int, currency: str) -> Decimal:
    """Return an amount of minor units in units."""
    return Decimal(amount).scaleb(-decimals(currency))


def check_currency(currency: str, param: str = "currency") -> str:
    """Return the code in lower case, or raise for one Stripe does not support."""
    code = currency.lower()
    if code not in _KNOWN:
        supported = ", ".join(sorted(_KNOWN))
        raise invalid(f"Invalid currency: {code}. Stripe currently supports these currencies: {supported}", param)
    if code not in _RATES:
        raise not_imitated(f"settlement of the currency {code}")
    return code


def check_amount(amount: int, currency: str, param: str = "amount") -> int:
    """Return the amount, or raise when it is below, above, or not in the form the currency asks for."""
    shown = f"{major(amount, currency):,} {currency}"
    if currency in WHOLE_UNITS and amount % 100:
        raise invalid(
            f"Invalid amount. {currency.upper()} is a zero-decimal currency; the amount must end in 00.", param
        )
    if currency in THREE_DECIMAL and amount % 10:
        raise invalid(f"Invalid amount. The last digit of an amount in {currency.upper()} must be 0.", param)
    largest = 10 ** _MAXIMUM_DIGITS.get(currency, _USUAL_DIGITS) - 1
    if amount > largest:
        raise invalid(f"Amount must be no more than {major(largest, currency):,} {currency}", param, "amount_too_large")
    least = _MINIMUM.get(currency)
    if least is not None and amount < least:
        raise invalid(f"Amount must be at least {major(least, currency):,} {currency}", param, "amount_too_small")
    if least is None and convert(amount, currency, "usd") < _MINIMUM["usd"]:
        raise invalid(
            f"Amount must convert to at least 50 cents. {shown} converts to approximately "
            f"${major(convert(amount, currency, 'usd'), 'usd')}.",
            param,
            "amount_too_small",
        )
    return amount


def rate(source: str, target: str) -> Decimal:
    """Return how many units of `target` one unit of `source` is settled at, to six places."""
    return (_RATES[source] / _RATES[target]).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def convert(amount: int, source: str, target: str) -> int:
    """Convert minor units to minor units at `rate`, rounding half up."""
    exact = major(amount, source) * rate(source, target)
    return int(exact.scaleb(decimals(target)).quantize(Decimal(1), ROUND_HALF_UP))


def stripe_fee(settled: int) -> int:
    """Return Stripe's US card fee, 2.9 % and 30 cents, in cents: rounded half up."""
    return int((Decimal(settled) * Decimal("0.029")).quantize(Decimal(1), ROUND_HALF_UP)) + 30
