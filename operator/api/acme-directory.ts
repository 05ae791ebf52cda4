import { z } from 'zod'
import { durationText, networks, setOf, text } from './fields.ts'
import { matches, withRules } from './rules.ts'

const minute = 60
const hour = 60 * minute
const day = 24 * hour

const limit = z
  .object({
    limit: z.int32().min(1).max(1_000_000).meta({ description: 'How many at once, refilled evenly over the window.' }),
    window: durationText('Time over which the limit is refilled.', { min: 1, max: 30 * day }),
  })
  .meta({ description: 'A rate limit.' })

const rateLimits = z
  .object({
    newAccountsPerAddress: limit.optional().meta({ description: 'New accounts from one address (IPv6: one /48).' }),
    newOrders: limit.optional().meta({ description: 'New orders of one account.' }),
    challengeResponses: limit.optional().meta({ description: 'Challenge responses of one account.' }),
    failedValidations: limit.optional().meta({ description: 'Failed validations of one account for one identifier.' }),
    pendingOrders: z
      .int32()
      .min(1)
      .max(1_000_000)
      .optional()
      .meta({ description: 'Unfinished orders of one account at a time, counted exactly.' }),
  })
  .meta({ description: "Limits of this profile; what is left out is the server's." })

const resolver = withRules(z.string().max(47), 'Address of a DNS server, with a port where it is not 53.', [
  matches(
    /^([0-9.]{7,15}(:[0-9]{1,5})?|\[[0-9a-fA-F:]{2,39}\]:[0-9]{1,5}|[0-9a-fA-F:]{2,39})$/,
    'is not a DNS server; write 10.0.0.10:53 or [fd00::10]:53',
  ),
])

const webPage = (description: string): z.ZodString =>
  withRules(z.string().max(2000), description, [
    matches(
      /^https?:\/\/(\[[0-9a-fA-F:.]+\]|[-A-Za-z0-9.]+)(:[0-9]{1,5})?([/?#][!-~]*)?$/,
      'is not an http or https URL; write for example https://pki.example.com/terms',
    ),
  ])

/** The ACME side of a profile: who may come, how names are proven, and what the server asks of clients. */
export const acme = withRules(
  z.object({
    authMode: z
      .enum(['TrustAuthenticated', 'Challenge'])
      .meta({
        description:
          'Challenge: every name is proven. TrustAuthenticated: every account may have any name permitted here.',
      }),
    challengeTypes: setOf('Challenges that are offered.', ['http-01', 'dns-01', 'tls-alpn-01']).default([
      'http-01',
      'dns-01',
    ]),
    registration: z
      .enum(['Open'])
      .optional()
      .meta({
        description: 'Open: whoever reaches the server may register. TrustAuthenticated needs this or clientNetworks.',
      }),
    clientNetworks: networks('Networks of the clients, checked on every signed request.', 64).optional(),
    orderLifetime: durationText('How long an order may be completed.', { min: minute, max: 30 * day }).optional(),
    authorizationLifetime: durationText('How long an authorization lives.', { min: minute, max: 365 * day }).optional(),
    rateLimits: rateLimits.prefault({}),
    validation: z
      .object({
        resolvers: z
          .array(resolver)
          .max(8)
          .default([])
          .meta({ description: "DNS servers for validation; the server's unless given." }),
        allowedNetworks: networks('Private networks that validation may connect to.', 64).default([]),
      })
      .prefault({})
      .meta({ description: 'How challenges are looked at.' }),
    meta: z
      .object({
        termsOfService: webPage('Terms that accounts must agree to.').optional(),
        website: webPage('A page for people.').optional(),
        caaIdentities: z
          .array(text('A domain name.', { max: 253 }))
          .max(16)
          .optional()
          .meta({ description: 'Domain names of this CA in CAA records.' }),
      })
      .prefault({})
      .meta({ description: 'What the directory says about itself.' }),
  }),
  'The ACME directory.',
  [
    {
      rule: "self.authMode != 'TrustAuthenticated' || has(self.registration) || (has(self.clientNetworks) && self.clientNetworks.size() > 0)",
      message:
        'TrustAuthenticated gives names to whoever can register; say who: add clientNetworks, or registration: Open',
      field: 'authMode',
      holds: (spec) =>
        spec.authMode !== 'TrustAuthenticated' ||
        spec.registration !== undefined ||
        (spec.clientNetworks?.length ?? 0) > 0,
    },
    {
      rule: '!has(self.registration) || !has(self.clientNetworks)',
      message: 'Open lets every address in and clientNetworks does not; keep one of the two',
      field: 'registration',
      holds: (spec) => spec.registration === undefined || spec.clientNetworks === undefined,
    },
    {
      rule: '!has(self.clientNetworks) || self.clientNetworks.size() > 0',
      message: 'an empty list would let nobody in; name a network or leave the field out',
      field: 'clientNetworks',
      holds: (spec) => spec.clientNetworks === undefined || spec.clientNetworks.length > 0,
    },
  ],
)
