"""The time series that a page of metrics offers, those without a value as yet included."""

from prometheus_client.parser import text_string_to_metric_families

SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
    "gauge": ("",),
}


def series(text: str) -> set[str]:
    """Their names."""
    found: set[str] = set()
    for family in text_string_to_metric_families(text):
        found |= {family.name + suffix for suffix in SUFFIXES.get(family.type, ())}
        found |= {sample.name for sample in family.samples}
    return found
