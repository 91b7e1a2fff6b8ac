"""The figures behind the trust: comparisons with exact arithmetic, worst cases of the bounds."""
