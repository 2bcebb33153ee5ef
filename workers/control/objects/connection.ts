import * as z from "zod/mini";

/** Who opened a connection, as its token says; comes from the Worker, which has verified the token. */
export const connectionSchema = z.object({
  /** Random. */
  id: z.string(),
  service: z.string(),
  instance: z.string(),
  /** Hash of the key that the token is for. */
  key: z.optional(z.string()),
  openedAtMs: z.number(),
  /** When the token ends. */
  expiresAtMs: z.number(),
});

/** What stays with a socket while the hub sleeps. */
export interface Connection extends z.infer<typeof connectionSchema> {
  /** Whether it has said hello. */
  readonly greeted: boolean;
}

export function readAttachment(socket: WebSocket): Connection {
  return socket.deserializeAttachment() as Connection;
}
