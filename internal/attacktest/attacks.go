package main

// An attack is what somebody tries, and a test that shows what becomes of it.
type attack struct {
	group, name string
	pkg, test   string // of the project, such as shared/api; TestName or TestName/case
}

// attacks returns the attack list.
func attacks() []attack {
	const here, gateway, webhook, apis, tokenctl = "internal/attacktest", "shared/gateway", "shared/webhook", "shared/api", "cmd/tokenctl" //nolint:gosec // names of packages
	groups := []struct {
		group   string
		attacks [][3]string // name, package, test
	}{
		{"API1:2023 Broken object level authorization", [][3]string{
			{"the id of another tenant's object, at every endpoint", here, "TestBrokenObjectLevelAuthorization"},
			{"another tenant's token id, at the store", "shared/dynamo", "TestOtherUsersTokens"},
			{"webhooks of others", "shared/dynamo", "TestEndpointsOfOthers"},
		}},
		{"API2:2023 Broken authentication", [][3]string{
			{"every wrong credential at every endpoint", here, "TestBrokenAuthentication"},
			{"access tokens that are revoked, expired, mistyped or of another kind", apis, "TestContract/Authentication"},
			{"a store call without a valid access token", "shared/dynamo", "TestUnauthorizedCallers"},
			{"a revoked key", "shared/gate", "TestRevokedKeyIsRefusedAtOnce"},
			{"10,000 forged keys cost no read", here, "TestForgedKeysCostNothing"},
			{"timing differences between wrong and unknown access tokens", here, "TestTimingOfAccessTokens"},
		}},
		{"API3:2023 Broken object property level authorization", [][3]string{
			{"every field that can't be written", here, "TestBrokenObjectPropertyLevelAuthorization"},
			{"fields of other systems", apis, "TestContract/FamilyFields"},
		}},
		{"API4:2023 Unrestricted resource consumption", [][3]string{
			{"pages, arrays, depth and size of requests", here, "TestUnrestrictedResourceConsumption"},
			{"hostile JSON", apis, "TestContract/HostileBodies"},
			{"slow bodies", apis, "TestSlowBody"},
			{"large bodies without a valid key", apis, "TestLargeBodyOfStranger"},
		}},
		{"API5:2023 Broken function level authorization", [][3]string{
			{"guests, other methods, override headers, the operator's functions", here, "TestBrokenFunctionLevelAuthorization"},
			{"methods that a path does not have", apis, "TestContract/Paths"},
		}},
		{"API6:2023 Unrestricted access to sensitive business flows", [][3]string{
			{"creates in parallel beyond the limits of a user", here, "TestUnrestrictedAccessToSensitiveFlows"},
			{"changes in parallel", apis, "TestContract/ChangePace"},
			{"a budget in parallel", "shared/dynamo", "TestBudgetIsUsedExactly"},
		}},
		{"API7:2023 Server side request forgery", [][3]string{
			{"URLs of webhooks, however they are written", here, "TestServerSideRequestForgery"},
			{"DNS rebinding", webhook + "/delivery", "TestDNSRebinding"},
			{"receivers that redirect, hang or never end", webhook + "/delivery", "TestReceivers"},
			{"addresses of special purposes", webhook, "TestCheckAddress"},
			{"URLs of upstreams", gateway, "TestUpstreamURL"},
		}},
		{"API8:2023 Security misconfiguration", [][3]string{
			{"CORS, headers, TRACE, internal details in error messages", here, "TestSecurityMisconfiguration"},
			{"inline scripts and frames in the console", "functions/console/web", "TestContentSecurityPolicy"},
			{"web pages at the local engine", tokenctl, "TestServeGuardsEngine"},
			{"origins that the gateway does not allow", gateway, "TestCORS"},
		}},
		{"API9:2023 Improper inventory management", [][3]string{
			{"other spellings of every path", here, "TestImproperInventoryManagement"},
			{"endpoints that are not documented, and the reverse", apis, "TestOpenAPIRoutes"},
			{"pages without a route key", "functions/console/web", "TestPagesHaveRouteKeys"},
		}},
		{"API10:2023 Unsafe consumption of APIs", [][3]string{
			{"false usage reported by an upstream", gateway, "TestUnsafeConsumption"},
			{"headers of an upstream", gateway, "TestAnswerHeaders"},
			{"codings of an upstream", gateway, "TestUnknownCoding"},
			{"answers that break off", gateway, "TestBrokenStream"},
		}},
		{"The gateway", [][3]string{
			{"request smuggling", gateway, "TestRequestSmuggling"},
			{"request smuggling through a proxy in front", tokenctl, "TestProxyReadsNothingSmuggled"},
			{"paths outside the fence", gateway, "TestRefusedPaths"},
			{"multipart field names that parsers read differently", gateway, "TestFormsAreReadAsOthersReadThem"},
			{"models that are named twice or in other spellings", gateway, "TestAmbiguousBodyIsRefused"},
			{"members that change the price", gateway, "TestRefusedMembers"},
			{"two keys in one request", gateway, "TestTwoKeysAreRefused"},
			{"keys that reach the upstream", gateway, "TestKeyIsFoundAndRemoved"},
			{"answers that expand", gateway, "TestDecodedAnswer"},
			{"bodies beyond the limit", gateway, "TestBodySizeLimit"},
			{"memory for bodies of one key", gateway, "TestMemoryForBodies"},
			{"bodies before the refusal", tokenctl, "TestProxyRefusesBeforeTheBody"},
			{"clients that disconnect", gateway, "TestDisconnect"},
			{"streams that are aborted", tokenctl, "TestProxyChargesAbortedStream"},
		}},
		{"Injection", [][3]string{
			{"line breaks in names, paths, queries and headers", here, "TestInjection"},
			{"formulas in CSV files", "shared/wire", "TestHistoryCSV"},
			{"formulas in exports", tokenctl + "/export", "TestWriteFormulas"},
			{"texts of a server in a terminal", tokenctl, "TestServerTextIsEscaped"},
		}},
		{"Secrets", [][3]string{
			{"every secret in logs, output, events, exports and the table", tokenctl, "TestServeKeepsSecrets"},
			{"secrets in the history and the audit trail", "shared/dynamo", "TestHistoryHasNoSecrets"},
			{"credentials in errors", "shared/reqlog", "TestLineMasksCredentials"},
			{"printing a secret", "shared/credential", "TestSecretPrintsItsMask"},
		}},
	}
	var all []attack
	for _, g := range groups {
		for _, a := range g.attacks {
			all = append(all, attack{g.group, a[0], a[1], a[2]})
		}
	}
	return all
}
