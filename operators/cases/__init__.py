"""The plan's own tests, `cases/*.yaml`: read, and compared with what the engine made of them."""
