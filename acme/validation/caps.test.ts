import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withinCaps } from './caps.ts'

test('what lies within the caps stays, and nothing else', () => {
  const asked = {
    allowedNetworks: ['10.1.0.0/16', '10.0.0.0/7', '127.0.0.0/8', '169.254.169.254/32', 'fd00::/8', '::/0', 'rubbish'],
    resolvers: ['10.0.0.10', '10.0.0.10:53', '10.0.0.10:5353', 'fd00::10', '[fd00::10]:53'],
  }
  const caps = { networks: ['10.0.0.0/8', 'fc00::/7'], resolvers: ['10.0.0.10:53', '[fd00::10]:53'] }
  assert.deepEqual(withinCaps(asked, caps), {
    allowedNetworks: ['10.1.0.0/16', 'fd00::/8'],
    resolvers: ['10.0.0.10', '10.0.0.10:53', 'fd00::10', '[fd00::10]:53'],
  })
  assert.deepEqual(withinCaps(asked, {}), asked)
})
