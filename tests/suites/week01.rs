//! The rules for clients of the Week 01 system (PROTOCOL.md section 9), one test each. Such a client sends
//! everything, never reads, and closes.
