package pks

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// form is what a value of a profile must look like. It is a small part of JSON
// Schema: what is refused here is told by its path, with what to do about it.
// A null reads as absent.
type form struct {
	kind    formKind
	members map[string]form // of an object; nil: those of any name
	needs   []string        // members that must be there
	items   *form           // of a list, or of an object with members of any name
	unique  bool            // texts of a list: none is there twice
	most    int             // entries of a list, bytes of a text; 0: the general bound
	from    int             // least number, or fewest entries
	to      int             // greatest number
	words   []string        // the texts that are allowed; nil: any
	// fault says what is wrong with a text, as "is not an IP address"; empty for
	// nothing.
	fault  func(text string) string
	remedy string
}

type formKind int

const (
	formAny formKind = iota
	formObject
	formList
	formText
	formWhole
	formFlag
)

const (
	maxFormText    = 64 << 10
	maxFormEntries = 1000
	maxWhole       = 1<<31 - 1
)

// doubleParentheses are the Director's sign for a secret to be filled in: a user's
// text must not be taken for one.
var doubleParentheses = regexp.MustCompile(`\(\([^()]*\)\)`)

func oneOf(words ...string) form { return form{kind: formText, words: words} }
func flag() form                 { return form{kind: formFlag} }
func text() form                 { return form{kind: formText} }

// whole is a number from a bound on.
func whole(from int) form { return form{kind: formWhole, from: from, to: maxWhole} }

func between(from, to int) form { return form{kind: formWhole, from: from, to: to} }

func textThat(fault func(string) string, remedy string) form {
	return form{kind: formText, fault: fault, remedy: remedy}
}

// distinct is a list of texts, none of which is there twice.
func distinct(of form, remedy string) form {
	return form{kind: formList, items: &of, from: 1, remedy: remedy, unique: true}
}

func listOf(of form) form { return form{kind: formList, items: &of} }

func object(members map[string]form, needs ...string) form {
	return form{kind: formObject, members: members, needs: needs}
}

// mapOf is an object with members of any name.
func mapOf(of form) form { return form{kind: formObject, items: &of} }

// parseDocument reads one JSON value, numbers as they are written.
func parseDocument(raw []byte) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	return value, nil
}

// check is the first thing that is wrong with the value at path, or nil.
func (f form) check(path string, value any) error {
	switch f.kind {
	case formObject:
		return f.checkObject(path, value)
	case formList:
		return f.checkList(path, value)
	case formText:
		return f.checkText(path, value)
	case formWhole:
		return f.checkWhole(path, value)
	case formFlag:
		if _, ok := value.(bool); !ok {
			return wrongKind(path, value, "true or false")
		}
		return nil
	default:
		return checkAnything(path, value)
	}
}

func (f form) checkObject(path string, value any) error {
	members, ok := value.(map[string]any)
	if !ok {
		return wrongKind(path, value, "an object")
	}
	for _, name := range f.needs {
		if members[name] == nil {
			return Failf(CodeInvalidRequest, "%s.%s is missing.", path, name).WithRemedy("Add it.")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := checkWords(path, name); err != nil {
			return err
		}
		member, known := f.members[name]
		switch {
		case f.members == nil && f.items != nil:
			member = *f.items
		case f.members != nil && !known:
			// The words are those that users of the original know.
			return Failf(CodeInvalidRequest, "%s: Unexpected field '%s'.", path, Shorten(name)).
				WithRemedy("Correct the name, or remove the member. There are: %s.", strings.Join(slices.Sorted(maps.Keys(f.members)), ", "))
		}
		if members[name] == nil {
			continue
		}
		if err := member.check(path+"."+name, members[name]); err != nil {
			return err
		}
	}
	return nil
}

func (f form) checkList(path string, value any) error {
	entries, ok := value.([]any)
	if !ok {
		return wrongKind(path, value, "an array")
	}
	most := f.most
	if most == 0 {
		most = maxFormEntries
	}
	if len(entries) < f.from {
		return Failf(CodeInvalidRequest, "%s is empty.", path).WithRemedy("Give at least %d, or leave the member out.", f.from)
	}
	if len(entries) > most {
		return Failf(CodeInvalidRequest, "%s has %d entries; at most %d are allowed.", path, len(entries), most)
	}
	seen := map[string]bool{}
	for i, entry := range entries {
		at := fmt.Sprintf("%s[%d]", path, i)
		if err := f.items.check(at, entry); err != nil {
			return err
		}
		if word, isText := entry.(string); isText && f.unique {
			if seen[word] {
				return Failf(CodeInvalidRequest, "%s is %q, which is there twice.", at, Shorten(word)).WithRemedy("%s", f.remedy)
			}
			seen[word] = true
		}
	}
	return nil
}

func (f form) checkText(path string, value any) error {
	word, ok := value.(string)
	if !ok {
		return wrongKind(path, value, "a string")
	}
	if err := checkWords(path, word); err != nil {
		return err
	}
	if f.words != nil && !slices.Contains(f.words, word) {
		return Failf(CodeInvalidRequest, "%s is %q.", path, Shorten(word)).WithRemedy("Choose one of: %s.", strings.Join(f.words, ", "))
	}
	if f.fault == nil {
		return nil
	}
	if fault := f.fault(word); fault != "" {
		return Failf(CodeInvalidRequest, "%s %s.", path, fault).WithRemedy("%s", f.remedy)
	}
	return nil
}

func (f form) checkWhole(path string, value any) error {
	number, ok := value.(json.Number)
	if !ok {
		return wrongKind(path, value, "a whole number")
	}
	n, err := strconv.Atoi(number.String())
	if err != nil {
		return Failf(CodeInvalidRequest, "%s is %s; it must be a whole number.", path, Shorten(number.String()))
	}
	if n < f.from || n > f.to {
		if f.to == maxWhole {
			return Failf(CodeInvalidRequest, "%s is %d; it must be at least %d.", path, n, f.from)
		}
		return Failf(CodeInvalidRequest, "%s is %d; it must be from %d to %d.", path, n, f.from, f.to)
	}
	return nil
}

// checkAnything looks for texts that no manifest can hold.
func checkAnything(path string, value any) error {
	switch value := value.(type) {
	case string:
		return checkWords(path, value)
	case []any:
		for i, entry := range value {
			if err := checkAnything(fmt.Sprintf("%s[%d]", path, i), entry); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if err := checkWords(path, name); err != nil {
				return err
			}
			if err := checkAnything(path+"."+name, value[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkWords refuses texts that would not come through to the manifest as they
// are.
func checkWords(path, word string) error {
	switch {
	case len(word) > maxFormText:
		return Failf(CodeInvalidRequest, "%s holds a text of %d bytes; at most %d are allowed.", path, len(word), maxFormText)
	case !utf8.ValidString(word) || strings.ContainsRune(word, 0) || strings.ContainsRune(word, utf8.RuneError):
		return Failf(CodeInvalidRequest, "%s holds a character that is not valid Unicode, or NUL.", path)
	case doubleParentheses.MatchString(word):
		return Failf(CodeInvalidRequest, "%s holds a text in double parentheses.", path).
			WithRemedy("Remove the parentheses: BOSH takes them for the name of a secret.")
	}
	return nil
}

func wrongKind(path string, value any, want string) *Failure {
	is := "an object"
	switch value.(type) {
	case nil:
		is = "null"
	case bool:
		is = "a boolean"
	case string:
		is = "a string"
	case json.Number:
		is = "a number"
	case []any:
		is = "an array"
	}
	return Failf(CodeInvalidRequest, "%s is %s; it must be %s.", path, is, want)
}
