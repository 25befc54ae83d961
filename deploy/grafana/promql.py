"""The forms of query that the dashboards are made of."""

RATE = "$__rate_interval"


def rate(metric: str, by: str, where: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{where}}}[{RATE}]))"


def share(part: str, whole: str) -> str:
    """0 to 1; no line while there is no traffic."""
    return f"{part} / ({whole} > 0)"


def quantile(level: float, metric: str, by: str = "", where: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({level}, {rate(f'{metric}_bucket', labels, where)})"


def quantiles(
    levels: tuple[float, ...], metric: str, by: str = "", where: str = ""
) -> dict[str, str]:
    """By legend: the level, and the label's value where there is one."""
    name = f" {{{{{by}}}}}" if by else ""
    return {f"p{level * 100:g}{name}": quantile(level, metric, by, where) for level in levels}


def reward_mean(metric: str, by: str, where: str = "") -> str:
    """A histogram of rewards has no sum, for rewards may be negative: magnitudes are counted by sign."""
    also = f", {where}" if where else ""
    positive = rate(f"{metric}_magnitude_total", by, f'sign="positive"{also}')
    negative = rate(f"{metric}_magnitude_total", by, f'sign="negative"{also}')
    return f"({positive} - {negative}) / ({rate(f'{metric}_count', by, where)} > 0)"
