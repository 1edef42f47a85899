//! One step at a time: tickets, the fresh look before the call, settling.
