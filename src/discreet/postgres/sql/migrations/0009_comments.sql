-- What columns hold, in plainer words. No table changes.
SET ROLE discreet_schema;
COMMENT ON COLUMN discreet.addresses.name IS
  'the last display name seen there; a contact called the same follows its changes';
COMMENT ON COLUMN discreet.agents.paused_at IS
  'paused since then: messages are stored, and wait';
COMMENT ON COLUMN discreet.agents.context_tokens IS
  'size of its model''s context in tokens; null: as known or learned';
COMMENT ON COLUMN discreet.agents.fallback_models IS
  'models to try in this order when its model fails';
COMMENT ON COLUMN discreet.turns.acted IS
  'whether it called a tool that changes something; then it must not restart';
COMMENT ON COLUMN discreet.memories.turn_id IS
  'the turn that wrote it; no foreign key, because that would show which ids exist';
COMMENT ON COLUMN discreet.memories.used_at IS
  'about when a turn of its scope last found it, to the day';
COMMENT ON COLUMN discreet.sessions.current_turn IS
  'the turn that holds this session; a turn that is not named here may not save';
COMMENT ON COLUMN discreet.sessions.compacted_to IS
  'the last message that the summary covers; the messages themselves stay';
COMMENT ON COLUMN discreet.sessions.summary_id IS
  'a memory of the same party, otherwise ignored; no foreign key, because that would show which ids exist';
COMMENT ON COLUMN discreet.channels.only_chat IS
  'the platform''s id of the chat, or of the group or direct sender in it; null: every chat without a branch';
COMMENT ON COLUMN discreet.channels.debounce IS
  'how long the first message waits for more; a terminal doesn''t wait';
COMMENT ON COLUMN discreet.contacts.blocked_at IS
  'blocked since then: its messages are refused';
COMMENT ON COLUMN discreet.contacts.taken_over_at IS
  'taken over since then: the owner answers in person, and the agent is silent';
COMMENT ON COLUMN discreet.contacts.merged_into IS
  'the contact that has its addresses and rows, because both are one person';
COMMENT ON COLUMN discreet.contacts.time_zone IS
  'IANA name of the time zone it said it is in; empty: unknown';
COMMENT ON COLUMN discreet.messages.state IS
  'inbound: waiting, taken by a turn, answered, failed (given up), context (overheard, never answered); outbound: always sent, its delivery state is in outbox';
COMMENT ON COLUMN discreet.messages.command IS
  'the command given to the program, or (outbound) the one it answers; not part of the conversation';
COMMENT ON COLUMN discreet.messages.in_person IS
  'said by the owner in place of the agent';
COMMENT ON COLUMN discreet.messages.details IS
  'content other than text: typed parts, a quote, where it was forwarded from; null: none';
COMMENT ON COLUMN discreet.messages.replies_to IS
  'the message of the same chat and scope that it replies to; no foreign key, because that message may be erased';
COMMENT ON COLUMN discreet.messages.edited_by IS
  'the platform''s id of the edit that its text came from';
COMMENT ON COLUMN discreet.messages.restarted IS
  'whether a turn with it restarted because of an edit; that happens once';
COMMENT ON COLUMN discreet.outbox.platform_messages IS
  'the platform''s ids of the messages sent, in order; a long answer takes several';
COMMENT ON COLUMN discreet.routes.draft_message IS
  'the platform''s id of the message that shows a growing answer; the next answer takes its place';
COMMENT ON COLUMN discreet.routes.draft_at IS
  'when that was last written; null: its text there is unknown, so it is replaced, not edited';
COMMENT ON COLUMN discreet.attachments.state IS
  'remote: not fetched yet; kept: stored here; refused: too large, gone, or of an unsupported kind';
