package main

// deployMutants are about what a deployment remembers and refuses.
func deployMutants() []mutant {
	return []mutant{
		{"doctor takes a subscription that has ended for a receiver of alarms", "cmd/tokenctl/doctorstage.go", "== ended })", "== \"\" })", "./cmd/tokenctl", "TestDoctorSubscriptions"},
		{"purge may not remove the foreign key of an expired token", "infra/rights/rights.go", "update: {users, wallets, marks}, remove: {foreign}}", "update: {users, wallets, marks}}", "./infra/rights", "TestOf"},
		{"without foreign keys, no imported token can be deleted", "infra/rights/rights.go", "query: {tokens, users}, update: {users, wallets}, remove: {tokens, foreign}}", "query: {tokens, users}, update: {users, wallets}, remove: {tokens, lookups}}", "./infra/rights", "TestOf"},
		{
			"a deployment leads the functions to another table than before, and nobody is asked",
			"infra/predeploy/check.go", "next == deployed.used", "next != \"\"",
			"./infra/predeploy", "TestTable",
		},
		{
			"a stage is deployed to the account of whoever deploys it",
			"infra/predeploy/check.go", "s.Account != \"\" && s.Account != account", "false",
			"./infra/predeploy", "TestPlace",
		},
		{
			"prod is deployed although its account and region are not remembered",
			"infra/predeploy/check.go", "stage != \"dev\" &&", "stage == \"\" &&",
			"./infra/predeploy", "TestPlace",
		},
		{
			"a misspelt setting of a stage is left out silently",
			"infra/stages/read.go", "!slices.Contains(known, name)", "len(known) == 0 || slices.Contains(known, name+name)",
			"./infra/stages", "TestParseRefusesText",
		},
		{
			"an alarm address with white space is accepted, and its subscription fails",
			"infra/stages/check.go", "parsed.Address != email || !matches(`^[!-~]+$`, email) || ", "parsed.Address == \"\" || ",
			"./infra/stages", "TestSettingsThatAreRefused",
		},
		{
			"purge reads the stream of another table than the one in use",
			"infra/stages/check.go", "stream[3] != s.Table", "false",
			"./infra/stages", "TestSettingsThatAreRefused",
		},
		{
			"CloudFormation does not notice that the code of a function in a release has changed",
			"infra/release/zip.go", "hex.EncodeToString(sum[:8])", "hex.EncodeToString(sum[:0])",
			"./infra/release", "TestZipNames",
		},
		{
			"the zips of a release have the times of the build",
			"infra/release/zip.go", "	header.SetMode(0o755)\n", "	if info, err := os.Stat(file); err == nil {\n		header.Modified = info.ModTime()\n	}\n	header.SetMode(0o755)\n",
			"./infra/release", "TestReleaseIsReproducible",
		},
		{
			"CloudFormation may read the tokens of every table",
			"infra/ci/template.yaml", "              - \"dynamodb:CreateTable\"\n", "              - \"dynamodb:*\"\n",
			"./infra/ci", "TestPolicyDoesNotReadData",
		},
		{
			"history may put tokens, which it only reads",
			"infra/rights/rights.go", "put: {hours, days,", "put: {tokens, hours, days,",
			"./infra/rights", "TestOf",
		},
		{
			"the rights test allows a call on partitions of two statements",
			"internal/dynamotest/guard.go", "len(patterns) == len(c.partitions)", "len(patterns) > 0",
			"./internal/dynamotest", "TestGuard",
		},
		{
			"two statements of a role share an action, so a batch of both is refused by AWS",
			"infra/rights/rights.go", "statements[i].Actions = append(statements[i].Actions, action)", "statements[i].Actions = append(statements[i].Actions, action, get)",
			"./infra/rights", "TestOf",
		},
	}
}
