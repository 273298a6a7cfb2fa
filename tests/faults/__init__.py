"""The fault suite: the real program, in processes of its own, is crashed, starved and cut off."""
