"""Analytic distributions: percentages, by the ids of analytic accounts."""


def keep_existing(record):
    """Return the distribution of a record without accounts that were deleted since.

    :param record: of a model with `analytic.mixin`.
    :rtype: dict
    """
    if not record.analytic_distribution:
        return {}
    known = set(record.distribution_analytic_account_ids.ids)
    return {
        key: share
        for key, share in record.analytic_distribution.items()
        if known.issuperset(map(int, key.split(",")))
    }
