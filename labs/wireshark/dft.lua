-- Wireshark's dissector of the dual-mode file transfer: protocol 2.0 and Week 01 (PROTOCOL.md). Shows every frame with
-- its fields, follows the sessions in the capture, and marks gaps, repeats, replays and takeovers. README.md beside it
-- says how to install it and what it shows.
--
-- A frame need not begin or end with a packet. Lines are put together before they are read; payloads are followed piece
-- by piece, so that a large file takes no memory.

local dft = Proto("dft", "Dual-mode file transfer")

local PORT = 65432
-- The longest header line that any server can be configured to take.
local LINE_BYTES_MAX = 1048576
-- PROTOCOL.md section 2: of session data, and of a number.
local SESSION_DATA_BYTES_MAX = 65536
local NUMBER_MAX = 9007199254740991
-- Sessions of a capture take turns with so many colours.
local COLOURS = 6

--------------------------------------------------------------------------------
-- Fields
--------------------------------------------------------------------------------

-- Every field of headers and trailers by its path, with its kind. What is not here is shown as text.
local KINDS = {
    ["version"] = "text", ["mime_type"] = "text", ["size"] = "number", ["name"] = "text", ["file"] = "text",
    ["digest"] = "text", ["trailer"] = "text", ["transfer_id"] = "text", ["offset"] = "number", ["ack"] = "text",
    ["expect"] = "text", ["auth.access_key"] = "text", ["auth.client"] = "text", ["auth.nonce"] = "text",
    ["session.id"] = "text", ["session.mode"] = "text", ["session.action"] = "text", ["session.sequence"] = "number",
    ["session.token"] = "text", ["session.data_size"] = "number", ["session.state"] = "text",
    ["session.epoch"] = "number", ["session.next_sequence"] = "number", ["session.expires_in_s"] = "number",
    ["status"] = "text", ["sequence"] = "number", ["file.stored_as"] = "text", ["file.size"] = "number",
    ["file.digest"] = "text", ["record.client_address"] = "text", ["record.created_at"] = "number",
    ["record.last_activity"] = "number", ["record.message_count"] = "number", ["record.total_bytes"] = "number",
    ["record.files_transferred"] = "number", ["record.state_bytes"] = "number", ["hello.versions"] = "text",
    ["hello.modes"] = "text", ["hello.actions"] = "text", ["hello.digests"] = "text", ["hello.acks"] = "text",
    ["hello.store"] = "text", ["hello.limits.header_bytes_max"] = "number",
    ["hello.limits.stateless_request_bytes_max"] = "number", ["hello.limits.stateful_request_bytes_max"] = "number",
    ["hello.limits.in_flight_max"] = "number", ["hello.limits.heartbeat_interval_s"] = "number",
    ["hello.limits.session_timeout_s"] = "number", ["replaced"] = "flag", ["degraded_from"] = "text",
    ["partial.offset"] = "number", ["partial.sequence"] = "number", ["partial.prefix_digest"] = "text",
    ["next_offset"] = "number", ["replayed"] = "flag", ["server_time_ms"] = "number", ["closing"] = "flag",
    ["explain.who"] = "text", ["explain.continuation"] = "text", ["explain.stage"] = "text",
    ["explain.silence"] = "text", ["explain.resume"] = "text", ["explain.state_bytes"] = "number",
    ["error.code"] = "text", ["error.retry"] = "text", ["error.message"] = "text",
    ["error.expected_sequence"] = "number", ["error.offset"] = "number", ["error.retry_after_ms"] = "number",
    ["error.supported"] = "text", ["error.reason"] = "text", ["error.field"] = "text",
}

local MAKERS = { text = ProtoField.string, number = ProtoField.uint64, flag = ProtoField.bool }

local by_path = {}
for path, kind in pairs(KINDS) do
    by_path[path] = MAKERS[kind]("dft." .. path, path)
end

-- What no header says.
local own = {
    dialect = ProtoField.string("dft.dialect", "Protocol version"),
    part = ProtoField.string("dft.part", "Part of a frame"),
    header = ProtoField.string("dft.header", "Header line"),
    session_data = ProtoField.bytes("dft.session_data", "Session data"),
    payload = ProtoField.bytes("dft.payload", "Payload"),
    payload_left = ProtoField.uint64("dft.payload.left", "Payload bytes still to come"),
    chunk = ProtoField.uint64("dft.chunk", "Chunk length"),
    trailer_line = ProtoField.string("dft.trailer_line", "Trailer line"),
    unknown = ProtoField.string("dft.unknown", "A field that the protocol does not have"),
    line = ProtoField.string("dft.week01.line", "Week 01 answer"),
    session_number = ProtoField.uint32("dft.session.number", "Session of this capture"),
    session_colour = ProtoField.uint32("dft.session.colour", "Colour of the session"),
    request_in = ProtoField.framenum("dft.request_in", "Answers the request in", base.NONE, frametype.REQUEST),
    reply_in = ProtoField.framenum("dft.reply_in", "Answered in", base.NONE, frametype.RESPONSE),
    time = ProtoField.double("dft.time", "Time from request to reply (ms)"),
    holder = ProtoField.uint32("dft.session.was_on", "The session was on TCP stream"),
}

local all = {}
for _, field in pairs(by_path) do all[#all + 1] = field end
for _, field in pairs(own) do all[#all + 1] = field end
dft.fields = all

local experts = {
    gap = ProtoExpert.new("dft.gap", "A gap in the sequence", expert.group.SEQUENCE, expert.severity.WARN),
    repeated = ProtoExpert.new("dft.repeat", "A sequence again", expert.group.SEQUENCE, expert.severity.NOTE),
    replay = ProtoExpert.new("dft.replay", "A kept reply again", expert.group.SEQUENCE, expert.severity.NOTE),
    resumed = ProtoExpert.new("dft.resumed", "A session goes on", expert.group.SEQUENCE, expert.severity.CHAT),
    takeover = ProtoExpert.new("dft.takeover", "A session was taken over", expert.group.SEQUENCE,
        expert.severity.WARN),
    refused = ProtoExpert.new("dft.refused", "A request was refused", expert.group.RESPONSE_CODE,
        expert.severity.NOTE),
    no_frame = ProtoExpert.new("dft.no_frame", "Bytes that are no frame", expert.group.MALFORMED,
        expert.severity.ERROR),
}
local expert_list = {}
for _, one in pairs(experts) do expert_list[#expert_list + 1] = one end
dft.experts = expert_list

local tcp_stream, tcp_seq, tcp_len = Field.new("tcp.stream"), Field.new("tcp.seq"), Field.new("tcp.len")

--------------------------------------------------------------------------------
-- JSON
--------------------------------------------------------------------------------

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function utf8_of(code)
    if code < 0x80 then return string.char(code) end
    if code < 0x800 then
        return string.char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40)
    end
    if code < 0x10000 then
        return string.char(0xE0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
    end
    return string.char(0xF0 + math.floor(code / 0x40000), 0x80 + math.floor(code / 0x1000) % 0x40,
        0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

-- The character that an escape with four digits stands for, and the place behind it. Two of them may be one character;
-- half of such a pair is none.
local function escaped(text, hex, behind)
    local code = tonumber(hex, 16)
    if code < 0xD800 or code > 0xDFFF then return utf8_of(code), behind end
    local low = code < 0xDC00 and tonumber(text:match("^\\u([dD][c-fC-F]%x%x)", behind) or "", 16)
    if not low then return utf8_of(0xFFFD), behind end
    return utf8_of(0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00), behind + 6
end

-- The string that begins at the quote `at`, and the place behind it.
local function json_string(text, at)
    local parts, place = {}, at + 1
    while true do
        local stop = text:find('["\\]', place)
        if not stop then return nil end
        parts[#parts + 1] = text:sub(place, stop - 1)
        if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
        local escape = text:sub(stop + 1, stop + 1)
        local hex = escape == "u" and text:match("^%x%x%x%x", stop + 2)
        if hex then
            parts[#parts + 1], place = escaped(text, hex, stop + 6)
        elseif ESCAPES[escape] then
            parts[#parts + 1] = ESCAPES[escape]
            place = stop + 2
        else
            return nil
        end
    end
end

local function skip_space(text, at)
    return text:find("[^ \t\r\n]", at) or #text + 1
end

-- The place behind the array that begins at `at`. Its members are of no interest.
local function json_array(text, at)
    local depth, place = 0, at
    while place <= #text do
        local c = text:sub(place, place)
        if c == '"' then
            local _, behind = json_string(text, place)
            if not behind then return nil end
            place = behind
        else
            if c == "[" or c == "{" then depth = depth + 1 end
            if c == "]" or c == "}" then depth = depth - 1 end
            place = place + 1
            if depth == 0 then return place end
        end
    end
    return nil
end

-- Adds the members of the object that begins at `at`, each with its path, value and place, and returns the place behind
-- the object; nothing when it is none. Peers may send any depth; ours is bounded.
local function json_members(text, at, prefix, found, depth)
    if depth > 8 or text:sub(at, at) ~= "{" then return nil end
    local place = skip_space(text, at + 1)
    if text:sub(place, place) == "}" then return place + 1 end
    while true do
        local key, behind = nil, nil
        if text:sub(place, place) == '"' then key, behind = json_string(text, place) end
        if not key then return nil end
        place = skip_space(text, behind)
        if text:sub(place, place) ~= ":" then return nil end
        place = skip_space(text, place + 1)
        local path = prefix .. key
        local c = text:sub(place, place)
        local member = { path = path, first = place }
        if c == "{" then
            behind = json_members(text, place, path .. ".", found, depth + 1)
            member = nil
        elseif c == '"' then
            member.value, behind = json_string(text, place)
        elseif c == "[" then
            behind = json_array(text, place)
            member.value = behind and text:sub(place, behind - 1)
        else
            local word = text:match("^[%w%.+-]+", place)
            if not word then return nil end
            behind = place + #word
            if word == "true" or word == "false" then
                member.value = word == "true"
            elseif word ~= "null" then
                member.value = tonumber(word)
                if not member.value then return nil end
            end
        end
        if not behind then return nil end
        if member then
            member.last = behind - 1
            found[#found + 1] = member
        end
        place = skip_space(text, behind)
        c = text:sub(place, place)
        if c == "}" then return place + 1 end
        if c ~= "," then return nil end
        place = skip_space(text, place + 1)
    end
end

-- Whether a value is of the kind that its field has. One that is not is shown, and means nothing.
local function fits(member)
    local kind, value = KINDS[member.path], member.value
    if kind == "number" then
        return type(value) == "number" and value >= 0 and value <= NUMBER_MAX and value % 1 == 0
    end
    return type(value) == (kind == "flag" and "boolean" or "string")
end

-- The members of a line, in order, and their values by path; nothing when it is no JSON object.
local function read_line(line)
    local found, values = {}, {}
    local behind = json_members(line, 1, "", found, 1)
    if not behind or skip_space(line, behind) <= #line then return nil end
    for _, member in ipairs(found) do
        if fits(member) then values[member.path] = member.value end
    end
    return found, values
end

--------------------------------------------------------------------------------
-- What is known of connections and sessions. Learned once, when packets are first seen, in order.
--------------------------------------------------------------------------------

local conversations, sessions, session_count, calls, replies

function dft.init()
    conversations, sessions, session_count, calls, replies = {}, {}, 0, {}, {}
end

local function conversation(stream)
    if not conversations[stream] then
        conversations[stream] = { sides = {}, places = {}, requests = {}, first = 1, last = 0 }
    end
    return conversations[stream]
end

local function session(id)
    if not sessions[id] then
        session_count = session_count + 1
        sessions[id] = { number = session_count }
    end
    return sessions[id]
end

local HEADER = { kind = "header" }

-- Where a stream stands behind a header that states this.
local function after_header(framing)
    if framing.session_data > 0 then
        return { kind = "session_data", left = framing.session_data, framing = framing }
    end
    if framing.chunked then return { kind = "chunk_length" } end
    if framing.size > 0 then return { kind = "payload", left = framing.size, trailer = framing.trailer } end
    return framing.trailer and { kind = "trailer" } or HEADER
end

local function after_session_data(framing)
    return after_header({ session_data = 0, chunked = framing.chunked, size = framing.size,
        trailer = framing.trailer })
end

local function is_request(values)
    return values["status"] == nil
end

local function is_week01(values)
    local version = values["version"]
    return is_request(values) and (version == nil or version == "1.0" or version == "1")
        and values["mime_type"] ~= nil and values["session.action"] == nil
end

local function framing_of(found, values)
    local chunked = false
    for _, member in ipairs(found) do
        if member.path == "size" and member.value == nil then chunked = true end
    end
    local function number(path)
        return type(values[path]) == "number" and values[path] or 0
    end
    return {
        session_data = number("session.data_size"),
        size = number("size"),
        chunked = chunked and not is_week01(values),
        trailer = values["trailer"] ~= nil,
    }
end

local function learn_request(c, call, offset, side, pinfo, found, values)
    local note = call.notes[offset]
    local framing = framing_of(found, values)
    local request = {
        frame = pinfo.number, time = pinfo.rel_ts, action = values["session.action"] or "transfer",
        sequence = values["session.sequence"], session = values["session.id"],
    }
    c.client = side
    if is_week01(values) then
        note.dialect = "1.0"
        c.week01 = true
        return after_header(framing)
    end
    c.last = c.last + 1
    c.requests[c.last] = request
    if request.session then
        local s = session(request.session)
        note.session = s.number
        if request.sequence then
            if s.next and request.sequence > s.next then
                note[#note + 1] = { experts.gap, "sequence " .. request.sequence .. ", but " .. s.next .. " is next" }
            elseif s.next and request.sequence < s.next then
                note[#note + 1] = { experts.repeated, "sequence " .. request.sequence .. " again; " .. s.next
                    .. " is next" }
            else
                s.next = request.sequence + 1
            end
        end
    end
    if values["expect"] == "continue" then
        request.awaits = framing
        return HEADER
    end
    return after_header(framing)
end

local function learn_sequence(c, s, request, values)
    if values["error.expected_sequence"] then
        s.next = values["error.expected_sequence"]
    elseif values["status"] == "error" then
        -- An error uses up no number.
        if request and request.sequence and s.next then s.next = math.min(s.next, request.sequence) end
    elseif values["session.next_sequence"] and c.first > c.last then
        s.next = values["session.next_sequence"]
    end
end

local function learn_reply(c, call, offset, stream, pinfo, found, values)
    local note = call.notes[offset]
    local request = c.requests[c.first]
    local status, code = values["status"], values["error.code"]
    if status == "continue" then
        if request and request.awaits and c.client then c.sides[c.client] = after_header(request.awaits) end
    elseif request then
        c.requests[c.first] = nil
        c.first = c.first + 1
        replies[request.frame] = replies[request.frame] or pinfo.number
    end
    if request then
        note.request, note.time = request.frame, (pinfo.rel_ts - request.time) * 1000
    end
    local id = values["session.id"] or (request and request.session) or (code == "session_moved" and c.session)
    if id then
        local s = session(id)
        note.session = s.number
        learn_sequence(c, s, request, values)
        if status == "session_created" or status == "session_resumed" then
            if status == "session_resumed" then
                note[#note + 1] = { experts.resumed, "the session goes on, epoch " .. (values["session.epoch"] or 0) }
                note.was_on = s.stream
            end
            s.stream, c.session = stream, id
        end
        if code == "session_moved" then
            local where = s.stream and s.stream ~= stream and " by TCP stream " .. s.stream or ""
            note[#note + 1] = { experts.takeover, "the session was taken over" .. where }
        end
    end
    if code == "sequence_gap" then
        note[#note + 1] = { experts.gap, "the sequence is ahead of "
            .. (values["error.expected_sequence"] or "the next one") }
    end
    if values["replayed"] then
        note[#note + 1] = { experts.replay, "the kept reply: nothing was done" }
    end
    if code then note[#note + 1] = { experts.refused, "refused: " .. code } end
    return after_header(framing_of(found, values))
end

--------------------------------------------------------------------------------
-- What is shown
--------------------------------------------------------------------------------

local function show_members(item, tvb, offset, found)
    for _, member in ipairs(found) do
        local range = tvb(offset + member.first - 1, member.last - member.first + 1)
        local kind, value = KINDS[member.path], member.value
        if kind == "number" and fits(member) then
            item:add(by_path[member.path], range, UInt64(value % 4294967296, math.floor(value / 4294967296)))
        elseif kind == "flag" and type(value) == "boolean" then
            item:add(by_path[member.path], range, value)
        elseif kind == "text" and type(value) == "string" then
            item:add(by_path[member.path], range, value)
        elseif KINDS[member.path] or member.path:find("^ext%.") then
            item:add(range, member.path .. ": " .. range:string())
        else
            item:add(own.unknown, range, member.path .. ": " .. range:string())
        end
    end
end

local function show_note(item, note)
    if note.session then
        item:add(own.session_number, note.session):set_generated()
        item:add(own.session_colour, note.session % COLOURS):set_generated()
    end
    if note.request then item:add(own.request_in, note.request):set_generated() end
    if note.time then item:add(own.time, note.time):set_generated() end
    if note.was_on then item:add(own.holder, note.was_on):set_generated() end
    for _, one in ipairs(note) do item:add_proto_expert_info(one[1], one[2]) end
end

local function title(values, note)
    if note.dialect == "1.0" then return "Week 01 upload, " .. (values["size"] or 0) .. " bytes" end
    local text, sequence
    if is_request(values) then
        text, sequence = values["session.action"] or "transfer", values["session.sequence"]
    else
        text, sequence = values["status"], values["sequence"]
        if text == "error" then text = "error " .. (values["error.code"] or "?") end
    end
    if sequence then text = text .. " #" .. sequence end
    if values["session.epoch"] then text = text .. " epoch " .. values["session.epoch"] end
    if values["replayed"] then text = text .. " (replayed)" end
    return text
end

-- A header line: `behind` is the place behind its LF.
local function show_header(tvb, offset, behind, pinfo, tree, call, found, values)
    local note = call.notes[offset]
    local item = tree:add(dft, tvb(offset, behind - offset), "Dual-mode file transfer, " .. title(values, note))
    item:add(own.dialect, note.dialect or values["version"] or "2.0"):set_generated()
    item:add(own.part, is_request(values) and "request" or "reply"):set_generated()
    item:add(own.header, tvb(offset, behind - offset - 1))
    show_members(item, tvb, offset, found)
    local reply = is_request(values) and replies[pinfo.number]
    if reply then item:add(own.reply_in, reply):set_generated() end
    show_note(item, note)
    return title(values, note)
end

local function show_bytes(tvb, offset, length, tree, field, word, left)
    local item = tree:add(dft, tvb(offset, length), "Dual-mode file transfer, " .. word .. ", " .. length .. " bytes")
    item:add(own.part, word):set_generated()
    item:add(field, tvb(offset, length))
    item:add(own.payload_left, UInt64(left % 4294967296, math.floor(left / 4294967296))):set_generated()
    return word .. " " .. length .. " bytes"
end

local function show_no_frame(tvb, offset, tree)
    local item = tree:add(dft, tvb(offset), "Dual-mode file transfer, bytes that are no frame")
    item:add(own.part, "no frame"):set_generated()
    item:add_proto_expert_info(experts.no_frame, "these bytes are no frame")
    return "no frame"
end

--------------------------------------------------------------------------------
-- Steps along a stream. Each takes what stands at `offset` and returns the place behind it, where the stream stands
-- then, and a word for the column; nothing when more bytes are needed.
--------------------------------------------------------------------------------

local steps = {}

-- The line at `offset` without its end, and the place behind it.
local function line_at(raw, offset)
    local stop = raw:find("\n", offset + 1, true)
    if not stop then return nil end
    local line = raw:sub(offset + 1, stop - 1)
    return (line:gsub("\r$", "")), stop
end

local function give_up(s)
    return s.tvb:len(), { kind = "no_frame" }, show_no_frame(s.tvb, s.offset, s.tree)
end

-- The rest of a line may be in a later packet, unless there is more of it already than a line has.
local function waits_or_gives_up(s)
    if #s.raw - s.offset > LINE_BYTES_MAX then return give_up(s) end
    return nil
end

function steps.no_frame(s)
    return give_up(s)
end

function steps.header(s)
    local line, behind = line_at(s.raw, s.offset)
    if not line then
        return waits_or_gives_up(s)
    end
    if line:sub(1, 1) ~= "{" then
        if line ~= "OK" and not line:find("^ERROR: ") then return give_up(s) end
        local item = s.tree:add(dft, s.tvb(s.offset, behind - s.offset), "Dual-mode file transfer, " .. line)
        item:add(own.dialect, "1.0"):set_generated()
        item:add(own.part, "reply"):set_generated()
        item:add(own.line, s.tvb(s.offset, #line))
        return behind, HEADER, line
    end
    local found, values = read_line(line)
    if not found then return give_up(s) end
    local state
    if s.learning then
        s.call.notes[s.offset] = {}
        if is_request(values) then
            state = learn_request(s.c, s.call, s.offset, s.side, s.pinfo, found, values)
        else
            state = learn_reply(s.c, s.call, s.offset, s.stream, s.pinfo, found, values)
        end
    else
        s.call.notes[s.offset] = s.call.notes[s.offset] or {}
        local waits = values["expect"] == "continue"
        state = waits and HEADER or after_header(framing_of(found, values))
    end
    return behind, state, show_header(s.tvb, s.offset, behind, s.pinfo, s.tree, s.call, found, values)
end

function steps.session_data(s)
    if s.state.left > SESSION_DATA_BYTES_MAX then return give_up(s) end
    if #s.raw - s.offset < s.state.left then return nil end
    local behind = s.offset + s.state.left
    local word = show_bytes(s.tvb, s.offset, s.state.left, s.tree, own.session_data, "session data", 0)
    return behind, after_session_data(s.state.framing), word
end

function steps.payload(s)
    local length = math.min(#s.raw - s.offset, s.state.left)
    local left = s.state.left - length
    local word = show_bytes(s.tvb, s.offset, length, s.tree, own.payload, "payload", left)
    local state = { kind = "payload", left = left, trailer = s.state.trailer }
    if left == 0 then state = s.state.trailer and { kind = "trailer" } or HEADER end
    return s.offset + length, state, word
end

function steps.chunk(s)
    local length = math.min(#s.raw - s.offset, s.state.left)
    local left = s.state.left - length
    local word = show_bytes(s.tvb, s.offset, length, s.tree, own.payload, "payload", left)
    return s.offset + length, left == 0 and { kind = "chunk_length" } or { kind = "chunk", left = left }, word
end

function steps.chunk_length(s)
    local line, behind = line_at(s.raw, s.offset)
    if not line then return waits_or_gives_up(s) end
    if not line:find("^%d+$") or #line > 16 then return give_up(s) end
    local length = tonumber(line)
    local item = s.tree:add(dft, s.tvb(s.offset, behind - s.offset), "Dual-mode file transfer, chunk of " .. line)
    item:add(own.part, "chunk"):set_generated()
    item:add(own.chunk, s.tvb(s.offset, #line), UInt64(length % 4294967296, math.floor(length / 4294967296)))
    return behind, length == 0 and { kind = "trailer" } or { kind = "chunk", left = length }, "chunk " .. line
end

function steps.trailer(s)
    local line, behind = line_at(s.raw, s.offset)
    if not line then return waits_or_gives_up(s) end
    local found = read_line(line)
    if not found then return give_up(s) end
    local item = s.tree:add(dft, s.tvb(s.offset, behind - s.offset), "Dual-mode file transfer, trailer")
    item:add(own.part, "trailer"):set_generated()
    item:add(own.trailer_line, s.tvb(s.offset, #line))
    show_members(item, s.tvb, s.offset, found)
    return behind, HEADER, "trailer"
end

--------------------------------------------------------------------------------
-- Packets
--------------------------------------------------------------------------------

-- Where a stream stands when its next bytes begin at `place` and those before were not all captured. Within a payload it
-- is known how many are missing; elsewhere a header is hoped for, and who answers what is not known any more.
local function after_loss(c, side, place)
    local state = c.sides[side] or HEADER
    local missing = place - (c.places[side] or place)
    if missing <= 0 then return state end
    if (state.kind == "payload" or state.kind == "chunk") and missing < state.left then
        return { kind = state.kind, left = state.left - missing, trailer = state.trailer }
    end
    c.requests, c.first, c.last = {}, 1, 0
    return HEADER
end

-- What was found out about this packet when it was first seen, or room for it. A packet can bring the end of one line
-- and the beginning of another, and is then asked about more than once, always in the same order.
local function call_of(pinfo, c, side, place)
    local known = calls[pinfo.number]
    -- tshark -2 can say of a packet that it was seen though nobody was asked about it.
    if not pinfo.visited or not known then
        known = known or { next = 0 }
        known[#known + 1] = { start = after_loss(c, side, place), notes = {} }
        calls[pinfo.number] = known
        return known[#known], true
    end
    known.next = known.next % #known + 1
    return known[known.next], false
end

function dft.dissector(tvb, pinfo, tree)
    local stream = tcp_stream().value
    local c = conversation(stream)
    local side = tostring(pinfo.src) .. " " .. pinfo.src_port
    -- Bytes of packets before it may have been put in front, and it ends with the packet.
    local place = tcp_seq().value + tcp_len().value - tvb:len()
    local call, learning = call_of(pinfo, c, side, place)
    local s = {
        tvb = tvb, raw = tvb:raw(), offset = 0, state = call.start, stream = stream, c = c, side = side, call = call,
        pinfo = pinfo, tree = tree, learning = learning,
    }
    local words = {}
    pinfo.cols.protocol = c.week01 and "DFT 1.0" or "DFT"
    while s.offset < tvb:len() do
        local behind, state, word = steps[s.state.kind](s)
        if not behind then
            pinfo.desegment_offset = s.offset
            pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
            break
        end
        s.offset, s.state = behind, state
        words[#words + 1] = word
    end
    if s.learning then
        c.sides[side], c.places[side] = s.state, place + s.offset
    end
    if #words > 0 then pinfo.cols.info = table.concat(words, "; ") end
    return tvb:len()
end

-- On any other port: a line of JSON that speaks of a version and a session or a type, or a Week 01 header.
local function heuristic(tvb, pinfo, tree)
    local begin = tvb(0, math.min(tvb:len(), 512)):raw()
    if begin:sub(1, 1) ~= "{" then return false end
    local speaks = begin:find('"version"%s*:%s*"2%.0"') or (begin:find('"mime_type"%s*:') and begin:find('"size"%s*:'))
    if not speaks then return false end
    pinfo.conversation = dft
    dft.dissector(tvb, pinfo, tree)
    return true
end

DissectorTable.get("tcp.port"):add(PORT, dft)
dft:register_heuristic("tcp", heuristic)
