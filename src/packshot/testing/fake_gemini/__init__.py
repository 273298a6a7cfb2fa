"""A fake Gemini on a local port: real pictures, Google's strictness, faults on request.

`packshot serve --fake-gemini` runs the whole application against it; tests and load runs count by
its ledger what was paid. It knows nothing of Packshot but the `x-packshot-call` header.
"""

from packshot.testing.fake_gemini.faults import FAULTS
from packshot.testing.fake_gemini.server import FakeGemini
from packshot.testing.fake_gemini.writing import PaidCall

__all__ = ["FAULTS", "FakeGemini", "PaidCall"]
