package kubernetes

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"time"
)

// Media types of the OCI image format, version 1 (opencontainers/image-spec, media-types.md).
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type imageIndex struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type imageManifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type imageConfig struct {
	platform
	Config struct {
		Env        []string `json:"Env"`
		Entrypoint []string `json:"Entrypoint"`
		WorkingDir string   `json:"WorkingDir"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// writeImage writes an OCI archive to file: an image named reference, of one layer with the static program at
// /bin/NAME, which is also the entrypoint. The same program gives the same bytes. The layer is not compressed:
// every worker unpacks it, and disk is cheaper than start time.
func writeImage(file, reference, name, program, architecture string) error {
	layer, err := imageLayer(name, program)
	if err != nil {
		return err
	}
	var config imageConfig
	config.platform = platform{architecture, "linux"}
	config.Config.Env = []string{"PATH=/bin"}
	config.Config.Entrypoint = []string{path.Join("/bin", name)}
	config.Config.WorkingDir = "/"
	config.RootFS.Type = "layers"
	config.RootFS.DiffIDs = []string{digest(layer)}
	configJSON, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("encode image config: %w", err)
	}
	manifestJSON, err := json.Marshal(imageManifest{
		SchemaVersion: 2, MediaType: typeManifest,
		Config: describe(typeConfig, configJSON),
		Layers: []descriptor{describe(typeLayer, layer)},
	})
	if err != nil {
		return fmt.Errorf("encode image manifest: %w", err)
	}
	manifest := describe(typeManifest, manifestJSON)
	manifest.Platform = &config.platform
	// The first is the annotation of the OCI specification, the second the one that containerd takes a full name from.
	manifest.Annotations = map[string]string{"org.opencontainers.image.ref.name": reference, "io.containerd.image.name": reference}
	indexJSON, err := json.Marshal(imageIndex{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{manifest}})
	if err != nil {
		return fmt.Errorf("encode image index: %w", err)
	}
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("make image archive: %w", err)
	}
	archive := tar.NewWriter(out)
	err = writeEntries(archive, []entry{
		{name: "oci-layout", data: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{name: "index.json", data: indexJSON},
		{name: "blobs/", mode: 0o755},
		{name: "blobs/sha256/", mode: 0o755},
		{name: blobName(configJSON), data: configJSON},
		{name: blobName(manifestJSON), data: manifestJSON},
		{name: blobName(layer), data: layer},
	})
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write image archive: %w", err)
	}
	return nil
}

// imageLayer is the root file system of a container with one program.
func imageLayer(name, program string) ([]byte, error) {
	data, err := os.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("read program: %w", err)
	}
	var layer bytes.Buffer
	err = writeEntries(tar.NewWriter(&layer), []entry{
		{name: "bin/", mode: 0o755},
		{name: "bin/" + name, data: data, mode: 0o755},
		{name: "dev/", mode: 0o755},
		{name: "etc/", mode: 0o755},
		{name: "proc/", mode: 0o555},
		{name: "sys/", mode: 0o555},
		{name: "tmp/", mode: 0o1777},
	})
	return layer.Bytes(), err
}

type entry struct {
	name string // a folder when it ends with a slash
	data []byte
	mode int64 // default 0644
}

// writeEntries writes a whole archive, owned by root and dated to the beginning of time.
func writeEntries(w *tar.Writer, entries []entry) error {
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.data)), ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if e.name[len(e.name)-1] == '/' {
			header.Typeflag = tar.TypeDir
		}
		if header.Mode == 0 {
			header.Mode = 0o644
		}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.Copy(w, bytes.NewReader(e.data)); err != nil {
			return err
		}
	}
	return w.Close()
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func blobName(data []byte) string { return "blobs/sha256/" + digest(data)[len("sha256:"):] }

func describe(mediaType string, data []byte) descriptor {
	return descriptor{MediaType: mediaType, Digest: digest(data), Size: int64(len(data))}
}
