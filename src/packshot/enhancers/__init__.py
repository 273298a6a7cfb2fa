"""What makes pictures: the contract, Gemini, and the local enhancer."""
