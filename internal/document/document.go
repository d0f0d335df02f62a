// Package document reads the blocks of code of this project's documents, and runs
// their commands as a reader would.
package document

import (
	"fmt"
	"regexp"
	"strings"
)

// A Block is a fenced block of code in a document.
type Block struct {
	Line     int    // of its first line in the document
	Language string // of the fence, such as sh; empty for a drawing
	Text     string // without the indentation of the fence
}

// Begins returns the first line of a block.
func (b Block) Begins() string {
	line, _, _ := strings.Cut(b.Text, "\n")
	return line
}

// Blocks returns the blocks of a document in their order. It fails if the last one
// does not end.
func Blocks(text string) ([]Block, error) {
	fence := regexp.MustCompile("^( *)```([a-z]*)$")
	var blocks []Block
	var open []string // the fence of the block that has begun
	for i, line := range strings.Split(text, "\n") {
		switch found := fence.FindStringSubmatch(line); {
		case found != nil && open == nil:
			open = found
			blocks = append(blocks, Block{Line: i + 2, Language: found[2]})
		case found != nil:
			open = nil
		case open != nil:
			blocks[len(blocks)-1].Text += strings.TrimPrefix(line, open[1]) + "\n"
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block does not end", blocks[len(blocks)-1].Line)
	}
	return blocks, nil
}

// A Command is one command of a block, without its comment.
type Command struct {
	Line int // in the document
	Text string
}

// Commands returns the commands of a block in their order. A line that ends with a
// backslash continues in the next one. In a block of the kind console, commands begin
// with "$ ", and the other lines are what they print.
func (b Block) Commands() (commands []Command) {
	continued := false
	for i, line := range strings.Split(b.Text, "\n") {
		line = strings.TrimSpace(line)
		if b.Language == "console" && !continued {
			var found bool
			if line, found = strings.CutPrefix(line, "$ "); !found {
				continue
			}
		}
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case continued:
			last := &commands[len(commands)-1]
			last.Text = strings.TrimSuffix(last.Text, `\`) + withoutComment(line)
		default:
			commands = append(commands, Command{b.Line + i, withoutComment(line)})
		}
		continued = strings.HasSuffix(commands[len(commands)-1].Text, `\`)
	}
	return commands
}

func withoutComment(line string) string {
	return regexp.MustCompile(`\s+# .*$`).ReplaceAllString(line, "")
}
