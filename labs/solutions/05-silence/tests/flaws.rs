//! The mistakes that people make in a keeper of sessions, each with the check that must find it.

lab_kit::flaws! {
    /// is patient for 300 s, whatever it is told
    PatienceIsBuiltIn by "silence_ends_a_session",
    /// gives a second of grace
    GraceOfASecond by "silence_ends_a_session",
    /// asks for no timer, and looks only when somebody comes
    LooksWhenAsked by "a_timer_says_that_a_session_is_gone",
    /// lets a session live until its timer has fired
    TimerDecides by "a_timer_that_is_late",
    /// takes the call of a timer for its deadline
    CallIsDeadline by "a_timer_that_is_early",
    /// forgets a session when it expires
    ExpiredIsForgotten by "expired_is_not_unknown",
    /// takes every session it does not know for expired
    UnknownIsExpired by "expired_is_not_unknown",
    /// remembers for ever that a session expired
    TombstonesStay by "a_tombstone_has_an_end",
    /// forgets after the timeout of a session that it expired
    TombstoneIsShort by "a_tombstone_has_an_end",
    /// answers a heartbeat and does nothing else
    HeartbeatIsAnswered by "a_heartbeat_keeps_a_session",
    /// ends the session with its connection
    FinEndsSession by "a_fin_between_frames",
    /// answers FIN inside a frame with nothing
    FinIsReset by "a_connection_that_ends_inside_a_frame",
    /// answers a RST
    ResetIsFin by "a_connection_that_ends_inside_a_frame",
    /// ends the session when it gives a silent connection up
    SilentConnectionEndsSession by "a_black_hole",
    /// keeps a silent connection for ever
    ConnectionsStay by "a_black_hole",
    /// counts an upload as silence
    UploadIsSilence by "an_upload_keeps_its_session",
    /// has one patience for all silence on a connection
    OnePatience by "a_dead_upload_is_given_up",
    /// takes any byte for progress
    AnyByteIsProgress by "a_drip_hides_no_dead_upload",
    /// lets a half-open connection keep the session
    OlderWins by "a_newer_connection_takes_over",
    /// forgets to take the deadline back of a connection that lost its session
    OldDeadlineCounts by "a_newer_connection_takes_over",
    /// drops what has come of an upload with its connection
    PartDies by "a_day_in_the_bag",
    /// checks the digest over the bytes of this connection
    RestIsDigested by "a_day_in_the_bag",
    /// drops an upload whose connection is half open
    TakenUploadIsDropped by "an_upload_on_a_half_open_connection",
    /// takes what an older connection still brings
    LateBytesCount by "an_upload_on_a_half_open_connection",
    /// does not check the digest of a file in two parts
    DigestIsBelieved by "a_file_is_no_mixture",
    /// keeps the bytes whose digest did not fit
    MixtureStays by "a_file_is_no_mixture",
    /// fills up what is missing before an offset
    OffsetIsBelieved by "an_offset_beyond_what_is_there",
    /// asks each session whether it has expired
    EachIsAsked by "ten_thousand_sessions",
    /// searches all deadlines for the next one
    NextIsSearched by "ten_thousand_sessions",
}
