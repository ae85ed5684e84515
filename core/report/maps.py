"""What a map of cells says, and what it does not."""

from core.embedding.embedding_map import EmbeddingMap

_FAR = "Distances between groups that lie far apart mean little, and so do the directions."


def axes(explained: tuple[float, float] | None) -> tuple[str, str]:
    """The titles of the two axes."""
    if explained is None:
        return "", ""
    first, second = (f"{share:.0%} of all variation" for share in explained)
    return f"1st axis: {first}", f"2nd axis: {second}"


def says(drawn: EmbeddingMap, shown: str, seen: str) -> str:
    """What is near and far on a map of `shown`, "40 cells"; `seen` is what near ones share."""
    sentences = [f"{shown}. Near each other: {seen}."]
    if drawn.explained is None:
        sentences.append(f"Neighbours are kept together. {_FAR}")
    else:
        kept = sum(drawn.explained)
        sentences.append(
            f"The two axes show {kept:.0%} of how they vary; what differs along the other "
            f"{1 - kept:.0%} lies on top of each other here."
        )
    if drawn.left_out:
        sentences.append(
            f"{drawn.left_out:,} {'is' if drawn.left_out == 1 else 'are'} left out: "
            "nothing could be measured on them, or their files are gone."
        )
    return " ".join(sentences)
