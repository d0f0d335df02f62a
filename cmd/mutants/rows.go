package main

import "slices"

// mutants returns every mutant.
func mutants() []mutant {
	return slices.Concat(gatewayMutants(), ledgerMutants(), storeMutants(), tokenMutants(), periodMutants(), limitMutants(), raiseMutants(), policyMutants(), paceMutants(), walletMutants(), accountMutants(), deployMutants(), stopMutants(), leakMutants(), logMutants(), tokenctlMutants(), importMutants(), shadowMutants(), restoreMutants(), webhookMutants(), auditMutants(), eventMutants(), travelMutants(), historyMutants(), usageMutants(), touchMutants(), timerMutants(), []mutant{
		{
			"a repeated batch delete forgets what the first attempt deleted",
			"shared/api/batchdelete.go", "if plan.existed[i] && ", "if plan.existed[i] && !plan.saved && ",
			"./shared/api", "TestInterruptedBatchIsFinished",
		},
		{
			"a saved response can be decrypted with the idempotency key alone",
			"shared/token/sealedkey.go", "hkdf.Key(sha256.New, []byte(at.Reveal()),", "hkdf.Key(sha256.New, []byte(\"at\"),",
			"./shared/token", "TestIdempotentRequest",
		},
		{
			"a client's Idempotency-Key is taken as the request id: four spends count as one",
			"shared/api/verify.go", "	return readPricedQuestion(r, in)\n", "	if key := r.Header.Get(\"Idempotency-Key\"); in.RequestID == nil && key != \"\" {\n		in.RequestID = &key\n	}\n	return readPricedQuestion(r, in)\n",
			"./shared/api", "TestContract/Idempotency",
		},
		{
			"a gateway that repeats a settlement is told that the hold has expired: it charges twice",
			"shared/gate/hold.go", "!late && (err == nil || errors.Is(err, quota.ErrUncertain))", "!late && err == nil",
			"./shared/gate", "TestHoldAfterLostAnswers",
		},
		{
			"a reservation that arrives after its hold has ended holds units again",
			"shared/gate/hold.go", "remember: l.Uncertain}", "remember: false}",
			"./shared/gate", "TestLateWrites",
		},
		{
			"a reservation that arrives after it was given up holds units",
			"shared/gate/hold.go", "h.cancel, h.tried\n", "false, h.tried\n",
			"./shared/gate", "TestLateWrites",
		},
		{
			"a quota that requests in progress hold looks like one that is spent",
			"shared/gate/gate.go", "v.InProgress = l.HeldAt(now)", "v.InProgress = 0",
			"./shared/api", "TestContract/Holds",
		},
		{
			"a cost is rounded down",
			"shared/price/cost.go", "	if remainder.Sign() > 0 {\n", "	if remainder.Sign() < 0 {\n",
			"./shared/price", "TestCost",
		},
		{
			"input read from a cache is free",
			"shared/price/cost.go", "	add(u.CacheReadTokens, or(value(r.CacheRead), input))\n", "",
			"./shared/price", "TestVendors",
		},
		{
			"the factor of a group is ignored",
			"shared/price/cost.go", "	if !ok {\n		factor = FactorOne\n", "	if !ok || factor > 0 {\n		factor = FactorOne\n",
			"./shared/price", "TestCost/group",
		},
		{
			"the shortest prefix decides the price",
			"shared/price/table.go", "for n := len(name); n >= 0; n-- {", "for n := range len(name) + 1 {",
			"./shared/price", "TestCost/longest_prefix",
		},
		{
			"a model without a price is free",
			"shared/price/cost.go", "	if !ok {\n		return Quote{}, ErrNotPriced\n", "	if !ok {\n		return Quote{}, nil\n",
			"./shared/price", "TestCost/unknown_model",
		},
		{
			"an old price table is used while it can't be read",
			"shared/price/cache.go", "	f.err = err\n", "	f.err = err\n	if c.table != nil {\n		f.table, f.err = c.table, nil\n	}\n",
			"./shared/price", "TestCache",
		},
		{
			"a price table is used for longer than a minute",
			"shared/price/cache.go", "age >= 0 && age < MaxAge", "age >= 0 && age < 2*MaxAge",
			"./shared/price", "TestCache",
		},
		{
			"a tenant pays the prices of a group that it has chosen",
			"shared/token/group.go", "	if t.GroupGranted {\n", "	if t.GroupGranted || t.Group != \"\" {\n",
			"./shared/api", "TestGroupPrice",
		},
		{
			"tokenctl prices check succeeds although the table differs",
			"cmd/tokenctl/prices.go", "	case len(changes) > 0:\n", "	case len(changes) < 0:\n",
			"./cmd/tokenctl", "TestScript/prices",
		},
		{
			"a model with a dearer price for audio is imported at the price of text",
			"cmd/tokenctl/litellm/entry.go", "	return !tooLarge && n <= *charged\n", "	return !tooLarge && n >= 0\n",
			"./cmd/tokenctl/litellm", "TestRead",
		},
		{
			"a check accepts a rotated key after its grace period",
			"shared/gate/gate.go", "if err == nil && !l.AcceptsKey(key.Hash(), now) {", "if err == nil && !l.HasKey(key.Hash()) {",
			"./shared/gate", "TestRevokedKeyIsRefusedAtOnce",
		},
		{
			"a token has a field that is missing from the API document",
			"shared/wire/token.go", "	PreviousUntil      int64    `json:\"previous_until,omitempty\"`", "	PreviousUntil      int64    `json:\"previous_until,omitempty\"`\n	Version            int64    `json:\"version\"`\n",
			"./shared/api", "TestOpenAPISchemas",
		},
		{
			"a grace period may be longer than the API document says",
			"shared/token/keyrotation.go", "const MaxGraceSeconds = 7 * ", "const MaxGraceSeconds = 8 * ",
			"./shared/api", "TestOpenAPILimits",
		},
		{
			"a name may have a character that the API document excludes",
			"shared/token/rules.go", `r >= '\u2066' && r <= '\u2069'`, `r >= '\u2067' && r <= '\u2069'`,
			"./shared/api", "TestOpenAPIPatterns",
		},
		{
			"the redirect of /docs/ is wrong below a base path",
			"shared/api/page.go", `location := "../" + `, `location := "/" + `,
			"./shared/api", "TestPageRedirect",
		},
		{
			"a name may consist of tags, which are invisible",
			"shared/token/rules.go", "unicode.In(r, unicode.Cf, unicode.Other_", "unicode.In(r, unicode.Other_",
			"./shared/token", "TestCheckTextVisible",
		},
		{
			"the API document has a default, which some generated clients send",
			"shared/api/openapi.yaml", "          schema: {type: boolean}\n", "          schema: {type: boolean, default: false}\n",
			"./shared/api", "TestOpenAPISuitsGenerators",
		},
		{
			"a response has a header that is missing from the API document",
			"shared/api/delete.go", "okResponse(nil).forToken(in.id)", "okResponse(nil).forToken(in.id).withETag(1)",
			"./shared/api", "TestContract/Delete",
		},
		{
			"an expired token has the status enabled",
			"shared/token/token.go", "case t.ExpiredTime != Never && t.ExpiredTime <= now:\n\t\treturn Expired", "case t.ExpiredTime != Never && t.ExpiredTime <= now:\n\t\treturn Enabled",
			"./shared/api", "TestContract/Status",
		},
		{
			"another user's token gets another error than a missing token",
			"shared/api/get.go", "t, err := service.Get(ctx, at, id)", "t, err := service.Get(ctx, at, id)\n\tif err != nil && id < 100 {\n\t\terr = token.ErrForbidden\n\t}",
			"./shared/api", "TestContract/Foreign",
		},
		{
			"the log shows access tokens",
			"shared/api/protocol.go", "Route: route.Name, Group", `Route: r.Header.Get("Authorization"), Group`,
			"./shared/api", "TestContract/SpecExamples",
		},
		{
			"another site may show the console in a frame",
			"shared/api/page.go", `h.Set("Content-Security-Policy", s.Policy)`, `h.Set("Content-Security-Policy-Report-Only", s.Policy)`,
			"./shared/api", "TestPageHeaders",
		},
		{
			"a browser caches a page forever under the version of another deployment",
			"shared/api/page.go", `r.URL.Query().Get("v") == version`, `r.URL.Query().Has("v")`,
			"./shared/api", "TestPageCaching",
		},
		{
			"a key with a wrong checksum is accepted",
			"shared/credential/credential.go", "|| sum != crc32.ChecksumIEEE(record[:len(record)-crc32.Size])", "|| sum == 0",
			"./shared/credential", "TestParseKeyRefusesTypos",
		},
		{
			"a credential after an underscore is not redacted",
			"shared/credential/redact.go", "!strings.Contains(alphanumerics, s", "!strings.Contains(alphanumerics+\"_\", s",
			"./shared/credential", "TestRedact$/after_an_underscore",
		},
		{
			"a key directly after a letter is not redacted",
			"shared/credential/redact.go", "shortestInWord = 24 ", "shortestInWord = 240",
			"./shared/credential", "TestRedact$/another's_after_a_letter",
		},
		{
			"checks are cached for 5 ms: a deleted key is accepted",
			"shared/gate/gate.go", verify, cachedVerify,
			"./shared/gate", "TestRevokedKeyIsRefusedAtOnce",
		},
		{
			"a restarted import sends its pending batch with a new idempotency key: the tokens are created twice",
			"cmd/tokenctl/journal/journal.go", "		return im.send(ctx, b)\n", "		b.pending.Key = crand.Text()\n		return im.send(ctx, b)\n",
			"./cmd/tokenctl/journal", "TestLostRequestOrAnswer",
		},
		{
			"the client treats its own timeout as the caller's deadline: a lost answer is not requested again, and its key is lost",
			"shared/client/send.go", "if err == nil || ctx.Err() != nil ||", "if err == nil || errors.Is(err, context.DeadlineExceeded) ||",
			"./shared/client", "TestRetryAfterTimeout",
		},
		{
			"the proxy says that it is healthy while it drains: a load balancer keeps sending requests",
			"cmd/tokenctl/proxydrain.go", "	if d.begun.Load() {\n		status,", "	if d.requests.Load() < 0 {\n		status,",
			"./cmd/tokenctl", "TestProxyDrain",
		},
		{
			"the proxy does not wait for requests in progress when it stops: a stream is cut off",
			"cmd/tokenctl/server.go", "grace, end := context.WithTimeout(base, s.grace)", "grace, end := context.WithTimeout(base, 0)",
			"./cmd/tokenctl", "TestProxyDrain",
		},
		{
			"the proxy replaces the body in the server's own request: a client that waits for 100 Continue waits a minute for its refusal",
			"cmd/tokenctl/proxydeadlines.go", "			r = r.WithContext(r.Context())\n", "",
			"./cmd/tokenctl", "TestProxyRefusesBeforeTheBody",
		},
		{
			"a metric has as many labels as callers name models",
			"cmd/tokenctl/proxymetrics.go", "len(n.known) >= maxModels", "len(n.known) < 0",
			"./cmd/tokenctl", "TestProxyMetricsLabels",
		},
		{
			"the proxy does not wait for releases in the background when it stops: units stay held",
			"cmd/tokenctl/server.go", "		s.finish()\n", "",
			"./cmd/tokenctl", "TestProxyReleasesBeforeItEnds",
		},
		{
			"a damaged endpoint stops the history of a local server",
			"cmd/tokenctl/servewebhook.go", "sentence(lost)))\n		return nil", "sentence(lost)))\n		return err",
			"./cmd/tokenctl", "TestReadWithDamagedWebhook",
		},
	})
}

// The head of Verify, and its replacement, which caches verdicts.
const (
	verify = "func (g *Gate) Verify(ctx context.Context, key string, q quota.Question) (quota.Verdict, error) {\n"

	cachedVerify = verify + `
	question := [2]string{key, q.Model}
	lock <- struct{}{}
	old, ok := verdicts[question]
	<-lock
	if q.Quota == 0 && ok && time.Since(old.at) < 5*time.Millisecond {
		return old.Verdict, nil
	}
	v, err := g.verifyUncached(ctx, key, q)
	lock <- struct{}{}
	verdicts[question] = cachedVerdict{v, time.Now()}
	<-lock
	return v, err
}

type cachedVerdict struct {
	quota.Verdict
	at time.Time
}

var verdicts, lock = map[[2]string]cachedVerdict{}, make(chan struct{}, 1)

func (g *Gate) verifyUncached(ctx context.Context, key string, q quota.Question) (quota.Verdict, error) {
`
)
