"""The local enhancer: pictures without a key."""
