import { certManagerCases } from './cases/cert-manager.ts'
import { disturbanceCases } from './cases/disturbances.ts'
import { externalDatabaseCases } from './cases/external-database.ts'
import { installCases } from './cases/install.ts'
import { secondReleaseCases } from './cases/second-release.ts'
import { uninstallCases } from './cases/uninstall.ts'
import { upgradeCases } from './cases/upgrades.ts'
import type { InstallCase } from './cases.ts'

/** All cases, in the order in which they tell the story of a release. */
export const allCases: readonly InstallCase[] = [
  ...installCases,
  ...certManagerCases,
  ...upgradeCases,
  ...disturbanceCases,
  ...secondReleaseCases,
  ...externalDatabaseCases,
  ...uninstallCases,
]
