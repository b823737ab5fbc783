SET ROLE discreet_gate;

-- `party`: the contact, or the agent in a shared scope, or the owner in the owner's. `known`: the
-- ticket is valid.
CREATE TYPE gate.scope AS (
  owner_id uuid, agent_id uuid, contact_id uuid, party uuid, known boolean);

-- A message as parsed by a channel. sender_kind: 'address' (sender_platform, sender_id), 'group' (the
-- group itself), 'contact' (sender_contact) or 'owner'. files: a list of objects, or '[]'. details: content other than text.
-- edit_of: the message whose text it replaces, or ''. What waits outside a session is stored as the
-- JSON of this type.
CREATE TYPE gate.inbound AS (
  channel          uuid,
  chat             text,
  platform_thread  text,
  platform_message text,
  written_at       timestamptz,
  sender_kind      text,
  sender_platform  text,
  sender_id        text,
  sender_contact   uuid,
  sender_display   text,
  group_platform   text,
  group_id         text,
  group_name       text,
  thread           text,
  force_new        boolean,
  body             text,
  in_reply_to      text,
  addressed        boolean,
  album_id         text,
  files            jsonb,
  limited          boolean,
  details          jsonb,
  edit_of          text
);
