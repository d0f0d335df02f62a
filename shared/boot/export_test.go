package boot

// Below is below, for tests.
var Below = below //nolint:gochecknoglobals // a name for tests
