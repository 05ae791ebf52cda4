/** The steps of finalize and of validation at which a process can be told to end (CERTCTL_TEST_CHECKPOINT). */
export const labels = [
  'finalize.parsed',
  'finalize.begun',
  'finalize.signed',
  'finalize.completed',
  'validation.claimed',
  'validation.probed',
  'validation.completed',
] as const

export type Label = (typeof labels)[number]

export function isLabel(text: string): text is Label {
  return labels.some((label) => label === text)
}
