-- Shows the datagrams of an mpsim tunnel in Wireshark and tshark.
--
--   tshark -X lua_script:mpsim.lua -r capture.pcap -T fields -e mpsim.path -e mpsim.path_sequence
--
-- or copy the file to Wireshark's folder for personal Lua plugins. The format is the picture at the head of
-- mpsim/tunnel/wire.py: a header of 24 bytes, a body that depends on the type, a tag of 16 bytes.

local mpsim = Proto("mpsim", "mpsim multipath tunnel")

local TYPES = { [0] = "data", [1] = "feedback", [2] = "skip", [3] = "probe", [4] = "parity",
  [5] = "initiation", [6] = "response", [7] = "cookie" }
local HEADER, TAG = 24, 16
local FEEDBACK, SKIP, PROBE = 32, 4, 12
local DATA = 0

local f = {
  version = ProtoField.uint8("mpsim.version", "Version", base.DEC, nil, 0xf0),
  type = ProtoField.uint8("mpsim.type", "Type", base.DEC, TYPES, 0x0f),
  flags = ProtoField.uint8("mpsim.flags", "Flags", base.HEX),
  copy = ProtoField.bool("mpsim.flags.copy", "Copy", 8, nil, 0x01),
  repair = ProtoField.bool("mpsim.flags.repair", "Repair", 8, nil, 0x02),
  congestion = ProtoField.bool("mpsim.flags.congestion", "Congestion mark", 8, nil, 0x04),
  reply = ProtoField.bool("mpsim.flags.reply", "Reply", 8, nil, 0x08),
  path = ProtoField.uint8("mpsim.path", "Path"),
  class = ProtoField.uint8("mpsim.class", "Class of flows"),
  epoch = ProtoField.uint32("mpsim.epoch", "Session epoch", base.HEX),
  tunnel_sequence = ProtoField.uint32("mpsim.tunnel_sequence", "Tunnel sequence"),
  path_sequence = ProtoField.uint32("mpsim.path_sequence", "Path sequence"),
  send_time = ProtoField.uint32("mpsim.send_time", "Send time (us)"),
  parity_block = ProtoField.uint16("mpsim.parity_block", "Parity block (packets)"),
  parity_index = ProtoField.uint8("mpsim.parity_index", "Parity index"),
  key = ProtoField.uint8("mpsim.key", "Key (0: not sealed)"),
  sealed = ProtoField.bytes("mpsim.sealed", "Sealed, or of the handshake"),
  parity = ProtoField.bytes("mpsim.parity", "Parity"),
  tag = ProtoField.bytes("mpsim.tag", "Authentication tag"),
  about_path = ProtoField.uint8("mpsim.feedback.about_path", "About path"),
  more_ranges = ProtoField.uint8("mpsim.feedback.more_ranges", "Further ranges"),
  largest = ProtoField.uint32("mpsim.feedback.largest", "Largest path sequence received"),
  receive_time = ProtoField.uint32("mpsim.feedback.receive_time", "Receive time of it (us)"),
  echo_time = ProtoField.uint32("mpsim.feedback.echo_time", "Echo of its send time (us)"),
  ack = ProtoField.uint32("mpsim.feedback.ack", "ACK"),
  nack = ProtoField.uint32("mpsim.feedback.nack", "NACK"),
  marks = ProtoField.uint32("mpsim.feedback.marks", "Congestion marks"),
  first_length = ProtoField.uint32("mpsim.feedback.first_length", "Length of the highest range"),
  missing = ProtoField.uint16("mpsim.feedback.missing", "Missing before it"),
  length = ProtoField.uint16("mpsim.feedback.length", "Length of the next range"),
  skip_count = ProtoField.uint16("mpsim.skip.count", "Ranges"),
  skip_first = ProtoField.uint32("mpsim.skip.first", "First tunnel sequence"),
  skip_length = ProtoField.uint32("mpsim.skip.length", "Length"),
  probe_number = ProtoField.uint32("mpsim.probe.number", "Number"),
  probe_echo = ProtoField.uint32("mpsim.probe.echo_time", "Echo of the request's send time (us)"),
  probe_srtt = ProtoField.uint32("mpsim.probe.srtt", "Smoothed round-trip time (us)"),
}

local fields = {}
for _, field in pairs(f) do fields[#fields + 1] = field end
mpsim.fields = fields

local damaged = ProtoExpert.new("mpsim.damaged", "Damaged datagram", expert.group.MALFORMED, expert.severity.ERROR)
mpsim.experts = { damaged }

local ip = Dissector.get("ip")
local ipv6 = Dissector.get("ipv6")

local function add_header(tvb, tree)
  tree:add(f.version, tvb(0, 1))
  tree:add(f.type, tvb(0, 1))
  local flags = tree:add(f.flags, tvb(1, 1))
  flags:add(f.copy, tvb(1, 1))
  flags:add(f.repair, tvb(1, 1))
  flags:add(f.congestion, tvb(1, 1))
  flags:add(f.reply, tvb(1, 1))
  tree:add(f.path, tvb(2, 1))
  tree:add(f.class, tvb(3, 1))
  tree:add(f.epoch, tvb(4, 4))
  tree:add(f.tunnel_sequence, tvb(8, 4))
  tree:add(f.path_sequence, tvb(12, 4))
  tree:add(f.send_time, tvb(16, 4))
  tree:add(f.parity_block, tvb(20, 2))
  tree:add(f.parity_index, tvb(22, 1))
  tree:add(f.key, tvb(23, 1))
end

-- Each body returns whether its length is what its own fields say.

local function add_feedback(body, tree)
  if body:len() < FEEDBACK then return false end
  tree:add(f.about_path, body(0, 1))
  tree:add(f.more_ranges, body(1, 1))
  tree:add(f.largest, body(4, 4))
  tree:add(f.receive_time, body(8, 4))
  tree:add(f.echo_time, body(12, 4))
  tree:add(f.ack, body(16, 4))
  tree:add(f.nack, body(20, 4))
  tree:add(f.marks, body(24, 4))
  tree:add(f.first_length, body(28, 4))
  local more = body(1, 1):uint()
  if body:len() ~= FEEDBACK + 4 * more then return false end
  for number = 0, more - 1 do
    tree:add(f.missing, body(FEEDBACK + 4 * number, 2))
    tree:add(f.length, body(FEEDBACK + 4 * number + 2, 2))
  end
  return true
end

local function add_skip(body, tree)
  if body:len() < SKIP then return false end
  tree:add(f.skip_count, body(0, 2))
  local count = body(0, 2):uint()
  if body:len() ~= SKIP + 8 * count then return false end
  for number = 0, count - 1 do
    tree:add(f.skip_first, body(SKIP + 8 * number, 4))
    tree:add(f.skip_length, body(SKIP + 8 * number + 4, 4))
  end
  return true
end

local function add_probe(body, tree)
  if body:len() ~= PROBE then return false end
  tree:add(f.probe_number, body(0, 4))
  tree:add(f.probe_echo, body(4, 4))
  tree:add(f.probe_srtt, body(8, 4))
  return true
end

local function add_parity(body, tree)
  tree:add(f.parity, body)
  return true
end

local BODIES = { [1] = add_feedback, [2] = add_skip, [3] = add_probe, [4] = add_parity }

function mpsim.dissector(tvb, pinfo, root)
  pinfo.cols.protocol = "mpsim"
  local tree = root:add(mpsim, tvb())
  if tvb:len() < HEADER + TAG then
    tree:add_proto_expert_info(damaged, "Shorter than a header and a tag")
    return
  end
  add_header(tvb, tree)
  tree:add(f.tag, tvb(tvb:len() - TAG, TAG))
  local version, kind = bit.rshift(tvb(0, 1):uint(), 4), bit.band(tvb(0, 1):uint(), 0x0f)
  if version ~= 1 or not TYPES[kind] then
    tree:add_proto_expert_info(damaged, "Unknown version or type")
    return
  end
  pinfo.cols.info = string.format("%s path %d, sequence %d", TYPES[kind], tvb(2, 1):uint(), tvb(12, 4):uint())
  local size = tvb:len() - HEADER - TAG
  if tvb(23, 1):uint() ~= 0 or (kind ~= DATA and not BODIES[kind]) then
    if size > 0 then tree:add(f.sealed, tvb(HEADER, size)) end
    return
  end
  if kind == DATA then
    if size == 0 then
      tree:add_proto_expert_info(damaged, "No inner packet")
      return
    end
    local inner = tvb(HEADER, size):tvb("Inner packet")
    local dissector = bit.rshift(inner(0, 1):uint(), 4) == 6 and ipv6 or ip
    dissector:call(inner, pinfo, root)
  elseif size == 0 or not BODIES[kind](tvb(HEADER, size), tree) then
    tree:add_proto_expert_info(damaged, "Length of the body")
  end
end

-- The transport "tcp": each datagram behind its length in 32 bits, wherever segments begin.
local stream = Proto("mpsim_stream", "mpsim in a TCP stream")
local LENGTH = 4

function stream.dissector(tvb, pinfo, root)
  dissect_tcp_pdus(tvb, root, LENGTH,
    function(piece, _, offset) return LENGTH + piece(offset, LENGTH):uint() end,
    function(whole, info, tree)
      mpsim.dissector(whole(LENGTH):tvb(), info, tree)
      return whole:len()
    end)
  return tvb:len()
end

DissectorTable.get("udp.port"):add(4725, mpsim)
DissectorTable.get("tcp.port"):add(4725, stream)
DissectorTable.get("ip.proto"):add(253, mpsim)  -- the transport "ip" (RFC 3692), in IPv6 too
