"""The policy of a lane, pure: `decide` what may start, `apply` what happened. No I/O, no clock, no tasks."""
