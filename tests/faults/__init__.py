"""The fault suite: the real program, in separate processes, is killed, starved and cut off."""
