"""Descriptions and remediation steps, with HTML as in Microsoft's and lengths beyond any ticket field."""

_LONG_LINE = (
    "The platform team evaluates this policy on every deployment and once a day; a deviation is "
    "reported to the owner of "
    "the resource group, and repeated deviations are escalated to the head of the business unit. "
)
_UNICODE = (
    "Übersicht: naïve façade, Ελληνικά, Кириллица, 中文說明, עברית, 👩‍💻 und ein geschütztes Leerzeichen. "
)


def description(title: str, *, long: bool, unicode: bool) -> str:
    """Plain text of some sentences; `long` gives more than 10,000 characters."""
    base = (
        f"Defender for Cloud found resources that don't meet the recommendation '{title}'. "
        "Attackers look for exactly this "
        "weakness: it widens the attack surface, and it makes an intrusion harder to notice and "
        "to contain. Review the "
        "affected resources, decide which of them are exposed, and remediate them in the order of their risk."
    )
    if unicode:
        base += " " + _UNICODE * 3
    return base + (" " + _LONG_LINE * 60 if long else "")


def remediation(title: str, *, long: bool) -> str:
    """Steps with `<br>`, links and entities; `long` gives more than 65,535 characters."""
    steps = (
        f"To remediate '{title}':<br>1. Open the <a href=\"https://portal.azure.com/#blade/Microsoft_Azure_Security/"
        'SecurityMenuBlade/5" target="_blank">recommendation</a> and select the affected resources.<br>'
        "2. Review the <b>current</b> configuration &amp; note the owner (&lt;owner&gt;).<br>"
        "3. Change the setting, and check that the workload still runs.<br>"
        "<ul><li>Test it in a lower environment first.</li><li>Roll out in rings.</li></ul>"
        "<script>/* never to be rendered */</script>Evaluation takes up to 24 hours."
    )
    return steps + ("<p>" + _LONG_LINE * 320 + "</p>" if long else "")
