
    const said = document.getElementById("copied");

    async function copy(source) {
      // Only localhost and https have a clipboard; elsewhere the text is selected and copied as by hand.
      if (navigator.clipboard) return navigator.clipboard.writeText(source.textContent);
      const folded = source.closest("details");
      if (folded) folded.open = true;
      getSelection().selectAllChildren(source);
      if (!document.execCommand("copy")) throw new Error("refused");
    }

    for (const button of document.querySelectorAll("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        said.textContent = "";
        try {
          await copy(document.getElementById(button.dataset.copy));
          said.textContent = button.textContent = "Copied";
        } catch {
          button.textContent = "Not copied";
          said.textContent = "The browser didn't allow it. Select the text and copy it by hand.";
        }
      });
    }
