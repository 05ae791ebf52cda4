import { z } from 'zod'
import { matches, withRules } from './rules.ts'

const keyPattern = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const keyMessage = 'is not the key of a label; write for example team or example.com/team'

const labelKey = withRules(z.string().max(317), 'Key of the label.', [matches(keyPattern, keyMessage)])

const labelValue = withRules(z.string().max(63), 'Value of a label.', [
  matches(
    /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/,
    'is not the value of a label; use letters, digits, hyphens, underscores and dots',
  ),
])

const valuesGiven = "self.operator == 'In' || self.operator == 'NotIn'"

const expression = withRules(
  z.object({
    key: labelKey,
    operator: z
      .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
      .meta({ description: 'How the label is compared. NotIn and DoesNotExist hold where there is no such label.' }),
    values: z
      .array(labelValue)
      .min(1)
      .max(16)
      .optional()
      .meta({ description: 'What In and NotIn compare the label with.' }),
  }),
  'A requirement on a label.',
  [
    {
      rule: `(${valuesGiven}) == has(self.values)`,
      message: 'must be there exactly when operator is In or NotIn',
      field: 'values',
      holds: ({ operator, values }) => (operator === 'In' || operator === 'NotIn') === (values !== undefined),
    },
  ],
)

const matchLabels = z
  .record(z.string(), labelValue)
  .superRefine((labels, context) => {
    const keys = Object.keys(labels)
    if (keys.length > 16) context.addIssue({ code: 'custom', message: 'must have at most 16 labels' })
    // In CEL the keys of a map have no bounded length, so that the API server refuses a rule on them as too costly.
    for (const key of keys.filter((one) => !keyPattern.test(one))) {
      context.addIssue({ code: 'custom', path: [key], message: keyMessage })
    }
  })
  .meta({ description: 'Labels with exactly these values.', maxProperties: 16 })

/** Selects objects by their labels, as Kubernetes does, save that it must ask for something. */
export const labelSelector = withRules(
  z.object({
    matchLabels: matchLabels.optional(),
    matchExpressions: z.array(expression).max(16).optional().meta({ description: 'Requirements that must all hold.' }),
  }),
  'Labels that are asked for; everything here must hold.',
  [
    {
      rule: '(has(self.matchLabels) && self.matchLabels.size() > 0) || (has(self.matchExpressions) && self.matchExpressions.size() > 0)',
      message: 'asks for nothing and would select everything; name a label, or write from: All',
      holds: ({ matchLabels: labels, matchExpressions }) =>
        Object.keys(labels ?? {}).length > 0 || (matchExpressions ?? []).length > 0,
    },
  ],
)

export type LabelSelector = z.output<typeof labelSelector>
