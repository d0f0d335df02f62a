package main

// webhookMutants returns the mutants of webhooks.
func webhookMutants() []mutant {
	const (
		pkg       = "./shared/webhook"
		kit       = "./shared/webhook/delivery"
		signature = "shared/webhook/signature.go"
		urls      = "shared/webhook/endpointurl.go"
		address   = "shared/webhook/address.go"
		schedule  = "shared/webhook/schedule.go"
		http      = "shared/webhook/delivery/client.go"
		deliverer = "shared/webhook/delivery/deliverer.go"
		memory    = "shared/webhook/delivery/memory.go"
		store     = "shared/dynamo/endpoint.go"
		table     = "./shared/dynamo"
		routes    = "shared/api/webhooks.go"
	)
	return []mutant{
		{"any signature of the right length verifies a webhook", signature, "err == nil && hmac.Equal(got, want)", "err == nil && len(got) == len(want)", pkg, "FuzzVerify"},
		{"the id of a webhook is not signed", signature, `mac.Write([]byte(id + "." + timestamp + "."))`, `mac.Write([]byte(timestamp + "."))`, pkg, "TestVerify"},
		{"the timestamp of a webhook is not signed", signature, `mac.Write([]byte(id + "." + timestamp + "."))`, `mac.Write([]byte(id + "."))`, pkg, "FuzzVerify"},
		{"a webhook of any age is accepted: it can be replayed", signature, "away > int64(Tolerance/time.Second) || ", "", pkg, "TestVerify"},
		{"a webhook of the future is accepted: it can be replayed later", signature, " || away < -int64(Tolerance/time.Second)", "", pkg, "TestVerify"},
		{"the id of a webhook may contain a full stop: parts of id and body can be exchanged", "shared/event/event.go", `UVWXYZabcdefghijklmnopqrstuvwxyz_-"`, `UVWXYZabcdefghijklmnopqrstuvwxyz_-."`, pkg, "TestVerify"},
		{"an empty secret verifies a webhook", signature, "if len(secret.Key()) < minSecretBytes {", "if false {", pkg, "TestVerify"},
		{"the previous secret of a webhook does not sign while it rotates", "shared/webhook/endpoint.go", "return []Secret{e.Secret, e.Previous}", "return []Secret{e.Secret}", pkg, "TestSecretsWhileRotating"},
		{"the previous secret of a webhook signs for ever", "shared/webhook/endpoint.go", "if now < e.PreviousUntil && ", "if ", pkg, "TestSecretsWhileRotating"},
		{"the secret of a webhook is printed in logs", "shared/credential/redact.go", "if n := secretLength(s); n > 0 {", "if n := secretLength(s); n > len(s) {", "./shared/credential", "TestRedact"},
		{"an event of a webhook may contain a key", "shared/event/event.go", `credential.Find(string(raw), 0) != ""`, `credential.Find("", 0) != ""`, "./shared/event", "TestEventRefused"},
		{"a URL of a webhook may be http", urls, `u.Scheme != "http" || !loopback`, `u.Scheme != "http"`, pkg, "TestCheckURL"},
		{"a URL of a webhook may have any port", urls, "allowed := port == httpsPort ||", "allowed := true || port == httpsPort ||", pkg, "TestCheckURL"},
		{"an IPv4-mapped address escapes the rules for webhooks", address, "plain := address.Unmap()", "plain := address", pkg, "TestCheck"},
		{"6to4 addresses are called by webhooks", address, `"2002::/16",     // 6to4`, `"2002::/128",     // 6to4`, pkg, "TestCheckURL"},
		{"addresses of NAT64 are called by webhooks", address, `[]string{"2000::/3"}`, `[]string{"2000::/3", "64:ff9b::/32"}`, pkg, "TestCheckURL"},
		{"every server calls loopback addresses for webhooks", address, "r.Loopback && plain.IsLoopback()", "plain.IsLoopback()", kit, "TestDNSRebinding"},
		{"webhooks connect to whatever address a name has", http, "return rules.CheckAddress(resolved.Addr())", "_ = resolved\n		return nil", kit, "TestDNSRebinding"},
		{"webhooks follow redirects", http, "return http.ErrUseLastResponse", "return nil", kit, "TestReceivers"},
		{"webhooks use the proxy of the environment", http, "		Transport: &http.Transport{\n", "		Transport: &http.Transport{\n			Proxy: http.ProxyFromEnvironment,\n", kit, "TestNoProxy"},
		{"webhooks reuse a connection whose address was checked before", http, "DisableKeepAlives:      true,", "DisableKeepAlives:      false,", kit, "TestEachAttemptConnects"},
		{"a webhook waits for a receiver that does not answer", http, "context.WithTimeout(ctx, c.timeout)", "context.WithTimeout(ctx, 20*c.timeout)", kit, "TestReceivers/slow"},
		{"a redirect counts as a delivered webhook", http, "case a.Status < http.StatusMultipleChoices:", "case a.Status < http.StatusBadRequest:", kit, "TestReceivers"},
		{"Retry-After of a webhook is ignored", http, `a.RetryAfter = retryAfter(`, `_ = retryAfter(`, kit, "TestReceivers"},
		{"Retry-After shortens a pause of the schedule of webhooks", schedule, "base := max(pauses[attempt-1], retryAfter)", "base := pauses[attempt-1]\n	if retryAfter > 0 {\n		base = retryAfter\n	}", pkg, "TestRetrySchedule"},
		{"Retry-After postpones a webhook by more than 11 hours", schedule, ", MaxPause)", ", MaxAge)", pkg, "TestRetrySchedule"},
		{"webhooks are retried for longer than a day", schedule, "age+pause <= MaxAge", "true", pkg, "TestRetrySchedule"},
		{"an endpoint of webhooks that is gone gets further attempts", deliverer, "r.Outcome = Disabled\n	} else", "r = d.failed(r.Attempt, number, queued)\n	} else", kit, "TestGone"},
		{"an endpoint of webhooks is disabled after a day of failures", deliverer, "a.Time-e.FailingSince >= int64(webhook.FailingAfter/time.Second)", "true", kit, "TestFailingReceiver"},
		{"an event of a webhook is lost if the store does not answer", deliverer, "r := d.failed(webhook.Attempt{}, number, queued)\n", "r := Result{Outcome: Dropped}\n", kit, "TestDeliverAndStore"},
		{"webhooks that a local server can't deliver are kept without a limit", memory, "if own.messages >= maxWaiting-q.waiting {", "if own.messages < 0 {", kit, "TestMemoryQueueIsBounded"},
		{"a local server counts one webhook of a call, however many it drops", memory, "			lost++\n", "			lost = 1\n", kit, "TestMemoryQueueIsBounded"},
		{"a local server does not say how many webhooks it drops", memory, "		q.lost += lost\n", "", kit, "TestMemoryQueueIsBounded"},
		{"a webhook is created for a user who was removed", store, "meta.require(given.exists() + \" AND \" + meta.name(attrDeleting).absent())\n		meta.assign(given, given.placeholder)", "meta.add(attrRevision, 1)\n		_ = given", table, "TestRemoveUserRemovesWebhooks"},
		{"the id of a deleted webhook is given again", store, "head.require(head.name(attrLastTokenID).equals(last))", "head.require(head.name(attrLastTokenID).exists())", table, "TestCreateEndpointRaces"},
		{"a repeated create makes a second webhook", store, "return sameSecret(other.Secret, e.Secret)", "return other.ID == 0 && sameSecret(other.Secret, e.Secret)", table, "TestCreateEndpoints"},
		{"a user has more than five webhooks", store, "len(all) >= webhook.MaxEndpoints", "len(all) > webhook.MaxEndpoints", table, "TestCreateEndpoints"},
		{"an update creates a webhook", store, "retryNotApplied(), history.WebhookUpdated\n	e.require(e.name(attrURL).exists())\n", "retryNotApplied(), history.WebhookUpdated\n", table, "TestEndpointsOfOthers"},
		{"a webhook that is enabled again is still failing", store, "		e.set(attrFailingSince, nil)\n", "", table, "TestDisableEndpoint"},
		{"a repeated rotation loses the secret before it", store, "		e.require(secret.placeholder + \" <> \" + value)\n", "", table, "TestEndpoints"},
		{"a rotation does not keep the secret before it", store, "		e.assign(e.name(attrOldSecret), secret.placeholder)\n", "", table, "TestEndpoints"},
		{"an attempt brings a deleted webhook back", store, "	e := newExpression()\n	e.require(e.name(attrURL).exists())\n	e.set(attrLastAttempt", "	e := newExpression()\n	e.set(attrLastAttempt", table, "TestDisableEndpoint"},
		{"each failed attempt of a webhook is the first", store, "e.assign(since, since.orElse(e.value(number(a.Time))))", "e.assign(since, e.value(number(a.Time)))", table, "TestDisableEndpoint"},
		{"a webhook that succeeded is still failing", store, "		e.remove(since)\n", "", table, "TestDisableEndpoint"},
		{"a webhook is disabled for what its URL before did", store, "e.require(e.name(attrURL).placeholder + \" = \" + e.value(text(of.URL)))", "e.require(e.name(attrURL).exists())", table, "TestDisableEndpoint"},
		{"a webhook is disabled although an attempt has succeeded", store, "	e.require(e.name(attrFailingSince).equals(of.FailingSince)) // else an attempt has succeeded, or the user has enabled it\n", "", table, "TestDisableEndpoint"},
		{"a deletion of a webhook writes for a user that is being removed", store, "	head.require(head.name(attrLastTokenID).exists()) ", "	_ = head.name(attrLastTokenID) ", table, "TestDeleteEndpointOfRemoved"},
		{"a webhook can have any status", routes, "if status != token.Enabled && status != token.Disabled {", "if status < 0 {", "./shared/api", "TestContract/Webhooks"},
		{"a webhook that is disabled looks as if it got events", routes, "	if e.Disabled != \"\" {\n		shown.Status", "	if now < 0 {\n		shown.Status", "./shared/api", "TestContract/Webhooks"},
		{"a rotation of a webhook shows the secret before it", routes, "Secret: e.Secret.Reveal()", "Secret: e.Previous.Reveal()", "./shared/api", "TestContract/Webhooks"},
		{"a receiver that hangs in the TLS handshake keeps its connection for ever", http, "			TLSHandshakeTimeout:    timeout, // a handshake does not end with the context of its request\n", "", kit, "TestSlowReceivers"},
		{"a receiver that never answers delays the others", memory, "[]chan struct{}{own.slots, q.slots}", "[]chan struct{}{q.slots}", kit, "TestSlowReceiversDelayNoOther"},
		{"the note of a webhook's deletion has a key that was in its URL", "shared/dynamo/endpoint.go", "credential.Redact(history.ShownURL(r.text(attrURL)))", "history.ShownURL(r.text(attrURL)) + credential.Redact(\"\")", "./shared/dynamo", "TestDeletedEndpointHasNoKey"},
		{"a repeated create of a webhook has another secret", routes, "if plan, err = s.Tokens.SaveResponse(", "if _, err = s.Tokens.SaveResponse(", "./shared/api", "TestIdempotentWebhooks"},
		{"the answer about a webhook's secret is not saved", routes, "return idem.save(ctx, s.Tokens, at, a)", "return a, nil", "./shared/api", "TestIdempotentWebhooks"},
		{"a request that made a webhook is made again", routes, "	if err := idem.replayed(ctx, s.Tokens, at); err != nil {\n		return response{}, err\n	}\n	plan, err := json.Marshal(secret.Key())", "	plan, err := json.Marshal(secret.Key())", "./shared/api", "TestIdempotentWebhooks"},
	}
}
