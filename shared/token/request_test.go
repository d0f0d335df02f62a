package token

import (
	"bytes"
	"errors"
	"testing"
)

func TestWhatIsKeptOpensForTheSameRequestOnly(t *testing.T) {
	t.Parallel()
	at := NewAccessToken(7, 0)
	request := func(at AccessToken, key, asked string) *Request {
		t.Helper()
		r, err := NewRequest(at, key, []byte(asked), 1_700_000_000)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const secret = "sk-plain"
	mine := request(at, "key", "asked")
	kept := mine.Keep(TheAnswer, []byte(secret))
	if got, err := request(at, "key", "asked").Open(TheAnswer, kept.Sealed); err != nil || string(got) != secret {
		t.Errorf("the same request opens %q, %v", got, err)
	}
	for name, other := range map[string]*Request{
		"another body":         request(at, "key", "asked for more"),
		"another key":          request(at, "other", "asked"),
		"another access token": request(NewAccessToken(7, 0), "key", "asked"),
	} {
		if got, err := other.Open(TheAnswer, kept.Sealed); !errors.Is(err, ErrOtherRequest) {
			t.Errorf("%s opens %q, %v, want ErrOtherRequest", name, got, err)
		}
	}
	if got, err := mine.Open(ThePlan, kept.Sealed); !errors.Is(err, ErrOtherRequest) {
		t.Errorf("an answer opens as a plan: %q, %v", got, err)
	}
	if again := mine.Keep(TheAnswer, []byte(secret)); bytes.Equal(again.Sealed, kept.Sealed) {
		t.Error("the same answer is sealed twice in the same way")
	}
	if request(NewAccessToken(7, 1), "key", "asked").id != mine.id {
		t.Error("the id depends on the access token: who rotates it would do the work twice")
	}
}
