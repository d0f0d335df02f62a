package main

// gatewayMutants returns the mutants of the gateway.
func gatewayMutants() []mutant {
	return []mutant{
		{
			"a panic of the handler behind the middleware leaves the hold open",
			"shared/gateway/request.go", "damaged := m.finish(rw, returned)", "if !returned {\n\t\t\treturn\n\t\t}\n\t\tdamaged := m.finish(rw, returned)",
			"./shared/gateway", "TestFailureIsFree",
		},
		{
			"the first of two models is checked, but the upstream server uses the last",
			"shared/gateway/jsonbody.go", "case slices.Contains(*seen, known[i]) || known[i] != name:", "case known[i] != name:",
			"./shared/gateway", "TestAmbiguousBodyIsRefused/json",
		},
		{
			"a list of allowed addresses is not checked if the client's address is invalid",
			"shared/gateway/request.go", "q.IP = netip.IPv6Unspecified()", "q.IP = netip.Addr{}",
			"./shared/gateway", "TestClientIP",
		},
		{
			"the key is forwarded to the upstream server",
			"shared/gateway/credentials.go", "out := http.Header{}", "out := h.Clone()",
			"./shared/gateway", "TestKeyIsFoundAndRemoved",
		},
		{
			"the hold is not released if the client disconnects",
			"shared/gateway/settle.go", "context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)", "context.WithTimeout(ctx, settleTimeout)",
			"./shared/gateway", "TestDisconnect",
		},
		{
			"an error of the upstream server is charged",
			"shared/gateway/response.go", "w.settle(failed)\n\tcase ", "w.settle(aborted)\n\tcase ",
			"./shared/gateway", "TestFailureIsFree",
		},
		{
			"the decoder reports an early end: compressed answers break off",
			"shared/gateway/decode.go", "return 0, io.EOF //", "return 0, io.ErrUnexpectedEOF //",
			"./shared/gateway", "TestDecodedAnswer",
		},
		{
			"a stream ends with its connection: a client that closes at [DONE] or message_stop is charged an estimate",
			"shared/gateway/response.go", "case state.ended, state.finished && extra, len(w.queue)", "case extra && false, len(w.queue)",
			"./shared/gateway", "TestSettledBeforeEnd$/^chat$",
		},
		{
			"tokens that Anthropic reads from its cache are not charged",
			"shared/gateway/counts.go", "case \"cache_read_input_tokens\":\n\t\tset(&c.cacheRead, v)", "case \"cache_read_input_tokens\":",
			"./shared/gateway", "TestGoldenCosts",
		},
		{
			"the last byte is passed on before the settlement",
			"shared/gateway/settle.go", "		w.settle(complete)\n\t\t_ = w.passQueue()", "		_ = w.passQueue()\n\t\tw.Flush()\n\t\tw.settle(complete)",
			"./shared/gateway", "TestChargedBeforeResponseEnds",
		},
		{
			"an error that an answer with status 200 contains is charged",
			"shared/gateway/settle.go", "|| state.failed && !w.paid.any() {", "{",
			"./shared/gateway", "TestErrorInAnswer",
		},
		{
			"the usage chunk that the gateway has asked for reaches the client",
			"shared/gateway/injected.go", "if state.extra {", "if state.extra && false {",
			"./shared/gateway", "TestInjectedUsageIsRemoved",
		},
		{
			"a stream that the balance does not cover goes on",
			"shared/gateway/charge.go", "	if err != nil && !plain {\n\t\tw.err = err\n\t\treturn false\n\t}", "	if !plain {\n\t\tw.err = err\n\t}",
			"./shared/gateway", "TestStreamOutOfUnits",
		},
		{
			"a stream does not raise its hold: others spend what it costs",
			"shared/gateway/charge.go", "quote.Units > w.req.prepaid+w.req.hold.ExpiryCharge() {", "quote.Units < 0 {",
			"./shared/gateway", "TestHoldGrowsWithStream",
		},
		{
			"an answer that breaks off costs only its estimated input",
			"shared/gateway/answer.go", "if !p.reported || !complete || !credible {", "if p.reported && !credible {",
			"./shared/gateway", "TestChargeCoversDelivery",
		},
		{
			"the counts of a stream are added up, although they are cumulative",
			"shared/gateway/counts.go", "*number = max(*number, v.count())", "*number += v.count()",
			"./shared/gateway", "TestCharge",
		},
		{
			"a client that disconnects before the end pays nothing",
			"shared/gateway/settle.go", "if o == failed || state.failed", "if o != complete || state.failed",
			"./shared/gateway", "TestDisconnect",
		},
		{
			"a metric has the model as the caller named it: a label contains a key",
			"shared/gateway/record.go", "credential.Redact(req.Model)", "req.Model + credential.Redact(\"\")",
			"./cmd/tokenctl", "TestProxyMetricsLabels",
		},
		{
			"the function gateway closes a stream without its settlement: the process ends and the units stay held",
			"shared/boot/modelgateway/answer.go", "	case <-b.lambda.Done():\n", "	default:\n",
			"./shared/boot/modelgateway", "TestRuntimeAPIFails",
		},
		{
			"the function gateway uses its time to the deadline: it is killed before the settlement",
			"shared/boot/modelgateway/handler.go", "return deadline.Add(-min(settleReserve, deadline.Sub(now)/2))", "return deadline.Add(-min(0, settleReserve, deadline.Sub(now)/2))",
			"./shared/boot/modelgateway", "TestDeadline",
		},
		{
			"an answer that the upstream breaks off looks complete behind a function URL",
			"shared/boot/modelgateway/answer.go", "			err = b.call.err\n", "",
			"./shared/boot/modelgateway", "TestUpstreamBreaksOff",
		},
		{
			"the function gateway does not wait for releases in the background: Lambda freezes them",
			"shared/boot/modelgateway/handler.go", "	defer wait()\n", "	_ = wait\n",
			"./shared/boot/modelgateway", "TestReleaseInTheBackground",
		},
		{
			"the answer's headers are not filtered: callers see the operator's cookies, organization and limits",
			"shared/gateway/ownanswers.go", "	filterHeader(h)\n", "",
			"./shared/gateway", "TestAnswerHeaders",
		},
		{
			"a path may have dot segments: a path that the operator opened leads to others",
			"shared/gateway/paths.go", `strings.Trim(segment, ".") == "" || `, "",
			"./shared/gateway", "TestAllowedPaths",
		},
		{
			"a path may have escapes, which another server reads as slashes",
			"shared/gateway/paths.go", " || strings.ContainsFunc(segment, isUnsafeInPath)", "",
			"./shared/gateway", "TestAllowedPaths",
		},
		{
			"query parameters are not checked: one names another model or carries a credential",
			"shared/gateway/paths.go", "case !slices.Contains(allowed, name):", "case name == \"\" && !slices.Contains(allowed, name):",
			"./shared/gateway", "TestRefusedPaths",
		},
		{
			"the first of two different keys is taken: the request is charged to either",
			"shared/gateway/credentials.go", "			return \"\", errTwoKeys\n", "",
			"./shared/gateway", "TestTwoKeysAreRefused",
		},
		{
			"a hold without an answer is released with the expired context: its units stay held",
			"shared/gateway/reserve.go", "context.WithTimeout(context.Background(), backgroundTimeout)", "context.WithTimeout(context.Background(), 0)",
			"./shared/gateway", "TestReservationWithoutAnswerIsReleased",
		},
		{
			"one key can fill the memory with unfinished bodies",
			"shared/gateway/memory.go", "case m.usedByKey[key]+n > m.keyLimit:", "case n < 0:",
			"./shared/gateway", "TestMemoryForBodies/one_key",
		},
		{
			"unfinished bodies can fill the memory of the process",
			"shared/gateway/memory.go", "case n > m.free:", "case n < 0:",
			"./shared/gateway", "TestMemoryForBodies/three_keys",
		},
		{
			"a body may name fallback models that the key does not allow",
			"shared/gateway/jsonbody.go", `case "models", "fallbacks", "route":
		if !isNull {`, `case "models", "fallbacks", "route":
		if false {`,
			"./shared/gateway", "TestRefusedMembers",
		},
		{
			"a form's field model[x] is accepted: Multer puts its value into the model",
			"shared/gateway/formbody.go", `strings.IndexAny(plain, "[]")`, `strings.IndexAny(plain, "")`,
			"./shared/gateway", "TestFormsAreReadAsOthersReadThem",
		},
		{
			"the name of a form's part may have escapes: aiohttp reads mod\\el as model",
			"shared/gateway/formbody.go", `name)="([A-Za-z0-9_.\[\]-]{1,100})"`, `name)="([A-Za-z0-9_.\[\]\\/-]{1,100})"`,
			"./shared/gateway", "TestFormsAreReadAsOthersReadThem",
		},
		{
			"usage is not asked for: streams are charged by an estimate",
			"shared/gateway/jsonbody.go", "	if b.asksUsage || !allowed {", "	if b.asksUsage || allowed {",
			"./shared/gateway", "TestUsageIsAskedFor",
		},
		{
			"the clamped limit is not sent: the answer crosses the cap",
			"shared/gateway/request.go", "req.body.setMaxTokens(req.endpoint, req.clampedTokens)", "_ = req.clampedTokens",
			"./shared/gateway", "TestClamp",
		},
		{
			"the upstream's refusal of the operator's key looks like one of the caller's",
			"shared/gateway/forward.go", "if e, replaced := operatorError(resp); replaced {", "if e, replaced := operatorError(resp); replaced && e.Status == 0 {",
			"./shared/gateway", "TestUpstreamRefusesOperator",
		},
	}
}
