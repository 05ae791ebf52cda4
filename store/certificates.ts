import { sql } from 'kysely'
import type { Db } from './database.ts'
import type { AccountId, CertificateId } from './schema.ts'
import { type CertificateJson, certificateObject, readCertificate, selectCertificate } from './view-queries.ts'
import type { CertificateView } from './views.ts'

export async function findCertificateView(
  db: Db,
  certificate: { id: CertificateId; accountId: AccountId },
): Promise<CertificateView | undefined> {
  const { rows } = await sql<{ view: CertificateJson }>`${selectCertificate(certificate)}`.execute(db)
  return rows[0] && readCertificate(rows[0].view)
}

/** Whoever obtained it: for revocation and renewal information, which name a certificate by its serial number. */
export async function findCertificateBySerial(db: Db, serialNumber: Uint8Array): Promise<CertificateView | undefined> {
  const { rows } = await sql<{ view: CertificateJson }>`
    select ${certificateObject} as view from certificates k where k.serial_number = ${serialNumber}`.execute(db)
  return rows[0] && readCertificate(rows[0].view)
}

/** Revokes a certificate, once: false where it was revoked before. The reason is a code of RFC 5280 section 5.3.1. */
export async function revokeCertificate(
  db: Db,
  revocation: { id: CertificateId; reason: number; actor: string },
): Promise<boolean> {
  const { rows } = await sql`
    with revoked as (
      update certificates set revoked_at = certctl_now(), revocation_reason = ${revocation.reason}
        where id = ${revocation.id} and revoked_at is null
        returning id, serial_number, revocation_reason
    )
    insert into audit_events (actor, action, resource_type, resource_id, details)
      select ${revocation.actor}, 'certificate.revoke', 'certificate', id,
        jsonb_build_object('serial', encode(serial_number, 'hex'), 'reason', revocation_reason)
      from revoked
      returning true`.execute(db)
  return rows.length > 0
}
