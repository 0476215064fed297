// Reads cases from standard input, and writes what the simulator decides on each: "Allowed", "ImplicitlyDenied", ...
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

// Where its packages are is told by the caller: this file lies beside the tests, and they do not.
const { runSimulation } = createRequire(join(process.cwd(), 'package.json'))('@cloud-copilot/iam-simulate')

// A key's usual policy leaves it to IAM, and without one nobody may use the key.
const ofKey = (account) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' }]
})

const decisions = []
for (const { statements, principal, account, action, resource, context } of JSON.parse(await text(process.stdin))) {
  const simulation = {
    identityPolicies: [{ name: 'role', policy: { Version: '2012-10-17', Statement: statements } }],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(action.startsWith('kms:') ? { resourcePolicy: ofKey(account) } : {}),
    request: { principal, action, resource: { accountId: account, resource }, contextVariables: context }
  }
  const found = await runSimulation(simulation, {})
  decisions.push(found.resultType === 'error' ? found.errors : found.overallResult)
}
console.log(JSON.stringify(decisions))
