package main

import (
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// The servers send slow reads again.
func TestServersHedge(t *testing.T) {
	t.Parallel()
	dynamotest.WantHedge(t, func(url string) *dynamo.Store { return connectEngine(url, "").store() })
}
