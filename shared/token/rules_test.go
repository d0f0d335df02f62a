package token_test

import (
	"errors"
	"testing"
	"unicode"

	"github.com/latchkey-api/latchkey/shared/token"
)

// invisibleCharacters returns Unicode's Default_Ignorable_Code_Point (Unicode 15,
// DerivedCoreProperties.txt), the format characters that it leaves out because
// they belong to annotations and hieroglyphs, and the empty Braille pattern.
func invisibleCharacters() *unicode.RangeTable {
	return &unicode.RangeTable{
		R16: []unicode.Range16{
			{0x00AD, 0x00AD, 1},
			{0x034F, 0x034F, 1},
			{0x061C, 0x061C, 1},
			{0x115F, 0x1160, 1},
			{0x17B4, 0x17B5, 1},
			{0x180B, 0x180F, 1},
			{0x200B, 0x200F, 1},
			{0x202A, 0x202E, 1},
			{0x2060, 0x206F, 1},
			{0x2800, 0x2800, 1},
			{0x3164, 0x3164, 1},
			{0xFE00, 0xFE0F, 1},
			{0xFEFF, 0xFEFF, 1},
			{0xFFA0, 0xFFA0, 1},
			{0xFFF0, 0xFFFB, 1},
		},
		R32: []unicode.Range32{{0x13430, 0x1343F, 1}, {0x1BCA0, 0x1BCA3, 1}, {0x1D173, 0x1D17A, 1}, {0xE0000, 0xE0FFF, 1}},
	}
}

// A name, a group or a model begins with a character that can be seen: no text
// consists of invisible characters, of whatever kind.
func TestCheckTextVisible(t *testing.T) {
	var invalid *token.InvalidError
	invisible := invisibleCharacters()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		text := string(r)
		_, err := token.CheckText("name", text, 1, 4)
		hidden := unicode.Is(invisible, r) || unicode.IsSpace(r) || unicode.IsControl(r)
		if (err != nil) != hidden {
			t.Errorf("%U alone: got %v, want an error: %t", r, err, hidden)
		}
		if _, err := token.CheckText("name", " "+text+text+"a", 1, 4); unicode.Is(invisible, r) && !errors.As(err, &invalid) {
			t.Errorf("%U before a letter: got %v, want an *InvalidError", r, err)
		}
	}
	_, err := token.CheckText("name", "\u200b\ufeff", 1, 4)
	if want := "name must begin with a visible character, not U+200B"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Invisible characters may follow a visible one: an emoji may contain joiners and
// tags, and end with a variation selector; Persian needs the non-joiner.
func TestCheckTextJoiners(t *testing.T) {
	for _, text := range []string{"❤\ufe0f", "👩\u200d💻", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "می\u200cخواهم", "\u0600 1"} {
		if got, err := token.CheckText("name", text, 1, 50); err != nil || got != text {
			t.Errorf("%q: got %q, %v, want it unchanged", text, got, err)
		}
	}
}
