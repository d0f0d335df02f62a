package main

// tokenMutants returns the mutants of tokens' settings.
func tokenMutants() []mutant {
	return []mutant{
		{
			"retention counts from an expiry in the past: the token and its open holds are removed at once",
			"shared/dynamo/tokenitem.go", "number(max(expires, now) + retentionSeconds)", "number(expires + retentionSeconds)",
			"./shared/dynamo", "TestTTLIsNeverTooEarly",
		},
		{
			"an update counts retention from the second before it",
			"shared/dynamo/update.go", "removableFrom(*c.ExpiredTime, c.Now, s.retentionSeconds)", "removableFrom(*c.ExpiredTime, c.Now-1, s.retentionSeconds)",
			"./shared/dynamo", "TestTTLOfChangedExpiry",
		},
		{
			"a short retention ends before the token's holds do: an open hold is removed without a charge",
			"shared/dynamo/store.go", "max(d, MinRetention)", "max(d, 0)",
			"./shared/dynamo", "TestTTLIsNeverTooEarly",
		},
	}
}
