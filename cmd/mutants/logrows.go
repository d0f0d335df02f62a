package main

// logMutants breaks log lines and the metrics in them.
func logMutants() []mutant {
	return []mutant{
		{
			"every line of a process says that it is a cold start",
			"shared/reqlog/process.go", "if !p.used.Swap(true) {", "if !p.used.Load() {",
			"./shared/reqlog", "TestColdStart",
		},
		{
			"a key refused for lack of quota counts as throttled in the gateway",
			"shared/reqlog/metrics.go", " && l.Code != quotaExhausted:", ":",
			"./shared/reqlog", "TestOutcome",
		},
		{
			"a failure of a model API counts as one of the function: it rolls a deployment back",
			"shared/reqlog/metrics.go", "outcome == ServerError && l.Err != nil", "outcome == ServerError",
			"./shared/reqlog", "TestMetrics",
		},
		{
			"a metric lacks the field of a dimension",
			"shared/reqlog/metrics.go", "attrs = append(attrs, slog.String(DimensionFunction, p.Function))", "_ = p.Function",
			"./shared/reqlog", "TestMetrics",
		},
		{
			"a route of keys is counted with those of access tokens",
			"shared/api/functions.go", `case "verify", "reserve", "settle", "release", "usage", "keyhistory":`, `case "verify", "reserve", "settle", "usage":`,
			"./shared/api", "TestMetricGroups",
		},
		{
			"the log line of a refused reservation does not say what refused",
			"shared/api/reserve.go", ".forVerdict(r.Verdict)", ".forKey(r.Token)",
			"./shared/api", "TestRefusalIsLogged",
		},
		{
			"a refused write counts as free",
			"shared/dynamo/meter.go", "c.WriteUnits = refusedUnits(ctx.Value(inputKey{}), err)", "c.WriteUnits = 0",
			"./shared/dynamo", "TestWriteUnits",
		},
		{
			"a cancelled transaction counts as half of one that is made",
			"shared/dynamo/meter.go", "units += 2 * writeUnits(stored, created)", "units += writeUnits(stored, created)",
			"./shared/dynamo", "TestWriteUnits",
		},
		{
			"a refused write is counted by the stored item alone",
			"shared/dynamo/meter.go", "return writeUnits(failed.Item, put.Item)", "return writeUnits(failed.Item)",
			"./shared/dynamo", "TestWriteUnits",
		},
		{
			"a put counts as free",
			"shared/dynamo/meter.go", "	case *dynamodb.PutItemOutput:\n		return reqlog.Cost{WriteUnits: units(out.ConsumedCapacity)}", "	case *dynamodb.PutItemOutput:\n		return reqlog.Cost{}",
			"./shared/dynamo", "TestWriteUnits",
		},
		{
			"the first call of a function opens a connection of its own",
			"shared/dynamo/connect.go", "	_, _ = io.Copy(io.Discard, response.Body) // else the connection can't be used again\n", "	_ = io.Discard\n",
			"./shared/dynamo", "TestConnect",
		},
		{
			"the dollars of a tenant lack its writes",
			"infra/queries/queries.go", "(sum(write_units) * %g + sum(read_units) * %g)", "(sum(read_units) * %g + sum(read_units) * %g)",
			"./infra/queries", "TestQueries",
		},
		{
			"the time that a model takes counts as a tenant's latency",
			"infra/queries/queries.go", "`filter msg = \"request\" and user_id > 0`", "`filter user_id > 0`",
			"./infra/queries", "TestQueries",
		},
		{
			"requests of nobody count as a tenant's",
			"infra/queries/queries.go", "`filter msg = \"request\" and user_id > 0`", "`filter msg = \"request\"`",
			"./infra/queries", "TestQueries",
		},
		{
			"the authorizer's line lacks a field of the costs",
			"shared/boot/authorizer.go", "cost.Reads(), cost.Writes(), cost.Trips(),", "cost.Reads(), cost.Trips(),",
			"./infra/queries", "TestQueries",
		},
		{
			"the authorizer's line does not say which limit refused",
			"shared/boot/authorizer.go", "Code: string(v.Refusal), Scope: v.Scope, Hedged", "Code: string(v.Refusal), Hedged",
			"./shared/boot", "TestAuthorizer",
		},
		{
			"the gateway's line does not say which limit refused",
			"shared/gateway/request.go", "line.Code, line.Scope = string(refused.Refusal), refused.Scope", "line.Code = string(refused.Refusal)",
			"./shared/gateway", "TestRefusalIsLogged",
		},
	}
}
