import numpy as np

from core.cells.detection.colours import relearned


def test_colours_seen_inside_gain_and_those_seen_around_lose():
    dense = np.zeros((60, 60, 3), np.float32)
    dense[10:50, 10:50] = (0.1, 0.3, 0.3)  # red cells all around
    dense[20:40, 20:40] = (0.4, 0.5, 0.2)  # the cell
    inside = np.zeros((60, 60), bool)
    inside[20:40, 17:40] = True  # the first outline leaks to the left
    before = np.zeros((60, 60), np.float32)
    after = relearned(before, dense, inside, 32.0)
    assert after[30, 30] > 1 and after[30, 45] < -0.3
    assert after[30, 18] < -0.3  # the leak is of the surroundings' colour
    nothing = np.zeros_like(inside)
    assert relearned(before, dense, nothing, 32.0) is before
