"""What mail services (ESPs) tell by webhook: who it comes from is proved, what it says becomes the e-mail events of the Segment spec."""
