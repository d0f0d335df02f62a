package api_test

import (
	"testing"

	"github.com/latchkey-api/latchkey/internal/apitest"
)

func TestContract(t *testing.T) {
	target, _ := apitest.Serve(t)
	apitest.Run(t, target)
}

func TestHistory(t *testing.T) { apitest.RunHistory(t) }
