package kubernetes

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestImageIsACompleteOCIArchive(t *testing.T) {
	t.Parallel()
	files := archive(t, writeTestImage(t))
	if got := string(files["oci-layout"].data); got != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("oci-layout: %s", got)
	}
	var index imageIndex
	decode(t, files["index.json"].data, &index)
	if len(index.Manifests) != 1 {
		t.Fatalf("index: %+v", index)
	}
	found := index.Manifests[0]
	if found.Annotations["io.containerd.image.name"] != "localhost/hello:1" || found.Annotations["org.opencontainers.image.ref.name"] != "localhost/hello:1" {
		t.Errorf("names: %v", found.Annotations)
	}
	if diff := cmp.Diff(&platform{"amd64", "linux"}, found.Platform); diff != "" {
		t.Errorf("platform (-want +got):\n%s", diff)
	}
	var manifest imageManifest
	decode(t, blob(t, files, found), &manifest)
	var config map[string]any
	decode(t, blob(t, files, manifest.Config), &config)
	want := map[string]any{
		"architecture": "amd64", "os": "linux",
		"config": map[string]any{"Env": []any{"PATH=/bin"}, "Entrypoint": []any{"/bin/hello"}, "WorkingDir": "/"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []any{manifest.Layers[0].Digest}},
	}
	if diff := cmp.Diff(want, config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	layer := archive(t, blob(t, files, manifest.Layers[0]))
	if program := layer["bin/hello"]; string(program.data) != "program" || program.mode != 0o755 {
		t.Errorf("program: %+v", program)
	}
	if layer["tmp/"].mode != 0o1777 {
		t.Errorf("tmp: %+v", layer["tmp/"])
	}
}

func TestSameProgramGivesTheSameImage(t *testing.T) {
	t.Parallel()
	if !bytes.Equal(writeTestImage(t), writeTestImage(t)) {
		t.Error("two images of one program differ")
	}
}

func TestImageNeedsItsProgram(t *testing.T) {
	t.Parallel()
	err := writeImage(filepath.Join(t.TempDir(), "a.tar"), "localhost/a:1", "a", filepath.Join(t.TempDir(), "none"), "amd64")
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "read program") {
		t.Errorf("got %v", err)
	}
	program := filepath.Join(t.TempDir(), "a")
	write(t, program, "program")
	err = writeImage(filepath.Join(t.TempDir(), "none", "a.tar"), "localhost/a:1", "a", program, "amd64")
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "make image archive") {
		t.Errorf("got %v", err)
	}
}

func writeTestImage(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "built"), "program")
	file := filepath.Join(dir, "hello.tar")
	if err := writeImage(file, "localhost/hello:1", "hello", filepath.Join(dir, "built"), "amd64"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func archive(t *testing.T, data []byte) map[string]entry {
	t.Helper()
	files := map[string]entry{}
	for reader := tar.NewReader(bytes.NewReader(data)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = entry{name: header.Name, data: content, mode: header.Mode}
	}
}

// blob returns what d describes, after comparing digest and size.
func blob(t *testing.T, files map[string]entry, d descriptor) []byte {
	t.Helper()
	file, found := files["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")]
	if !found || digest(file.data) != d.Digest || int64(len(file.data)) != d.Size {
		t.Fatalf("%+v is not in the archive", d)
	}
	return file.data
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
