package main

// shadowMutants returns the mutants of the rule that shadow reports each difference
// between the answers of two systems.
func shadowMutants() []mutant {
	const (
		there    = "cmd/tokenctl/export/there.go"
		compares = "cmd/tokenctl/shadowcompare.go"
		exports  = "./cmd/tokenctl/export"
		command  = "./cmd/tokenctl"
		script   = "TestScript/shadow"
	)
	return []mutant{
		{"shadow does not see that a key is refused there and valid here", compares, "case at.There != valid && at.Here == valid:", "case at.There != valid && at.Here == valid && at.Token == 1:", command, script},
		{"shadow takes a raised quota for use", compares, "expected := max(0, there-max(0, used))", "expected := max(here, there-max(0, used))", command, script},
		{"shadow asks only about the models of the other system", compares, "	if c.here.ModelLimitsEnabled {\n", "	if false {\n", command, script},
		{"shadow exits with 0 although answers are looser here", "cmd/tokenctl/shadowreport.go", "differ := s.Looser + s.Stricter", "differ := 0*s.Looser + s.Stricter", command, script},
		{"shadow takes a key with an unknown status for valid", there, "t.refuse(Blocked, status != int64(token.Enabled))", "t.refuse(Blocked, status == int64(token.Disabled))", exports, "TestThere"},
		{"shadow takes a spent budget for one that renewed", there, "reset != nil && *reset <= f.options.Now)", "reset != nil)", exports, "TestThere"},
		{"a hash is known after the grace period of its key", "shared/gate/known.go", "l.ID != 0 && l.AcceptsKey(hashes[i], now.Unix())", "l.ID != 0", "./shared/dynamo", "TestKnownHashes"},
	}
}
