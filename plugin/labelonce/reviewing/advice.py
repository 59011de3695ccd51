"""A threshold from what a person said while looking at duplicates."""

from collections.abc import Sequence

ENOUGH = 5  # judgements, three of them of duplicates that are none
WRONG = 3


def advise(judged: Sequence[tuple[float, bool]]) -> str | None:
    """Suggest a threshold when most of the skips below it were wrong.

    Parameters
    ----------
    judged
        Similarity (percent) of the skips that a person decided about, and whether they are duplicates.

    Returns
    -------
    str | None
        The suggestion; None where too little was judged, or where no threshold tells the wrong from the right ones.
    """
    wrong = sorted(similarity for similarity, same in judged if not same)
    if len(judged) < ENOUGH or len(wrong) < WRONG:
        return None
    # the highest threshold below which most were wrong, to the next whole percent
    for highest in reversed(wrong):
        below = [same for similarity, same in judged if similarity <= highest]
        bad = below.count(False)
        if bad >= WRONG and bad >= 2 * below.count(True):
            return (
                f"{bad} of the {len(below)} skips up to {highest:.1f} % that you decided about were no duplicates: "
                f"--similarity {int(highest) + 1} would have kept them. labelonce tune --pairs tells more."
            )
    return None
