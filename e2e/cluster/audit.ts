import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

/** One line of the API server's audit log, as far as it matters here. */
export interface AuditEvent {
  readonly verb: string
  readonly requestURI: string
  readonly user: { readonly username: string }
  readonly objectRef?: {
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
    readonly apiGroup?: string
  }
  readonly responseStatus?: { readonly code?: number }
  readonly stageTimestamp: string
}

/** What the API server recorded of these users. */
export async function auditEvents(file: string, isOne: (username: string) => boolean): Promise<AuditEvent[]> {
  const found: AuditEvent[] = []
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const event = parse(line)
    if (event !== undefined && isOne(event.user.username)) found.push(event)
  }
  return found
}

// The last line may be half written.
function parse(line: string): AuditEvent | undefined {
  try {
    return JSON.parse(line) as AuditEvent
  } catch {
    return undefined
  }
}
